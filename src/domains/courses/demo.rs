//! Demo courses for development.

use hallpass_data::{Comparison as _, Error, Scope, Set, System, now};
use hallpass_entity::{chapter, course, progress, variant};
use include_dir::{Dir, include_dir};

use super::content::{ContentError, read};

static COURSES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/domains/courses/demo");

/// Why the courses were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A content file is invalid.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Whether there are courses, demo courses or others.
///
/// # Errors
/// When the database is unavailable.
pub async fn has_demo(system: &System<'_>) -> Result<bool, Error> {
    Ok(!system.is_empty::<course::Entity>().await?)
}

/// Inserts the demo courses, unless there are courses.
///
/// # Errors
/// When a content file is invalid, or the database is unavailable.
pub async fn load_demo(system: &System<'_>) -> Result<(), DemoError> {
    if has_demo(system).await? {
        return Ok(());
    }
    let rows = read(&COURSES)?;
    system.insert_all::<course::Entity>(rows.courses).await?;
    system.insert_all::<chapter::Entity>(rows.chapters).await?;
    system.insert_all::<variant::Entity>(rows.variants).await?;
    Ok(())
}

/// Inserts demo progress in the first chapters for the owner of `scope`, unless they have progress.
///
/// # Errors
/// When the database is unavailable.
pub async fn load_demo_progress(scope: &Scope) -> Result<(), Error> {
    if scope.owned::<progress::Entity>()?.count().await? > 0 {
        return Ok(());
    }
    let first = scope.shared::<chapter::Entity>().filter(chapter::Column::Ordinal.is(1));
    for (chapter, percent) in first.all().await?.into_iter().zip([100, 40]) {
        let row = progress::ActiveModel {
            chapter_id: Set(chapter.id),
            percent: Set(percent),
            bookmarked: Set(percent < 100),
            updated_at: Set(now()),
            ..Default::default()
        };
        scope.insert::<progress::Entity>(row).await?;
    }
    Ok(())
}
