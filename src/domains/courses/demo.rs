//! Demo courses for development.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hallpass::application::{Demo, DemoError, DemoRows};
use hallpass::data::{Comparison as _, Error, Scope, Set, now};
use hallpass_entity::{chapter, course, progress, variant};
use include_dir::{Dir, include_dir};

use super::content::read;

static COURSES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/domains/courses/demo");

/// Demo courses, and progress of each persona in them.
pub(super) struct DemoCourses;

impl Demo for DemoCourses {
    fn is_missing<'a>(
        &'a self,
        system: &'a DemoRows<'_>,
    ) -> BoxFuture<'a, Result<bool, DemoError>> {
        async move { Ok(!has_courses(system).await?) }.boxed()
    }

    fn load<'a>(&'a self, system: &'a DemoRows<'_>) -> BoxFuture<'a, Result<(), DemoError>> {
        load_demo(system).boxed()
    }

    fn load_for_user<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<(), DemoError>> {
        async move { Ok(load_demo_progress(scope).await?) }.boxed()
    }
}

/// Whether there are courses, demo courses or others.
async fn has_courses(system: &DemoRows<'_>) -> Result<bool, Error> {
    Ok(!system.is_empty::<course::Entity>().await?)
}

/// Inserts the demo courses, unless there are courses.
///
/// # Errors
/// When a content file is invalid, or the database is unavailable.
pub async fn load_demo(system: &DemoRows<'_>) -> Result<(), DemoError> {
    if has_courses(system).await? {
        return Ok(());
    }
    let rows = read(&COURSES)?;
    system.insert_all::<course::Entity>(rows.courses).await?;
    system.insert_all::<chapter::Entity>(rows.chapters).await?;
    system.insert_all::<variant::Entity>(rows.variants).await?;
    Ok(())
}

/// Inserts demo progress in the first chapters for the owner of `scope`, unless they have progress.
async fn load_demo_progress(scope: &Scope) -> Result<(), Error> {
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
