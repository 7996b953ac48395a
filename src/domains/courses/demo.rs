//! Two short courses to look at in development.

use hallpass_entity::{
    Comparison as _, Error, Scope, Set, System, chapter, course, now, progress, variant,
};
use include_dir::{Dir, include_dir};

use super::content::{ContentError, read};

static COURSES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/domains/courses/demo");

/// Why the courses were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file is wrong.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The database is away or refuses.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Whether the courses are loaded, or others were made.
///
/// # Errors
/// When the database is away.
pub async fn has_demo(system: &System<'_>) -> Result<bool, Error> {
    Ok(!system.is_empty::<course::Entity>().await?)
}

/// Loads the courses, if there are none.
///
/// # Errors
/// When a file is wrong, or the database is away.
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

/// Lets the owner of `scope` have read some of the first chapters, if they have read nothing.
///
/// # Errors
/// When the database is away.
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
