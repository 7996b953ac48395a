//! The outline of courses: their chapters in order, and what the caller has read of them.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use futures_util::future::try_join;
use hallpass::data::{Comparison as _, Error, Scope, Timestamp};
use hallpass_entity::{ChapterId, CourseId, chapter, progress};

use super::loaders::Loaders;
use super::types::Chapter;
use super::visible_courses::{VisibleCourses, visible_courses};
use hallpass::access::Rule::Public;
use hallpass::access::guarded;
use hallpass::graphql::{ContextExt as _, DateTime, LoadResult, Loader, Result};

/// Loads the chapters of courses, in order.
pub(crate) struct OutlineLoader(pub(super) VisibleCourses);

impl Loader for OutlineLoader {
    type Key = CourseId;
    type Value = Arc<[ChapterId]>;
    type Error = Arc<Error>;

    async fn load(&self, courses: &[CourseId]) -> LoadResult<Self> {
        use chapter::Column::{CourseId as Of, Id, Ordinal};
        let rows = self.0.rows::<chapter::Entity>();
        let rows =
            rows.columns_by::<CourseId, (i32, ChapterId)>(Of, courses, &[Ordinal, Id]).await?;
        let in_order = |mut chapters: Vec<(i32, ChapterId)>| {
            chapters.sort_unstable();
            chapters.into_iter().map(|(_, id)| id).collect()
        };
        Ok(rows.into_iter().map(|(course, chapters)| (course, in_order(chapters))).collect())
    }
}

/// How far the caller has read a chapter, in percent, and the time of its last change.
type Begun = (i32, Timestamp);

/// Loads how far the caller has read chapters: of all that they have begun.
pub(crate) struct BegunLoader(pub(super) Scope);

impl Loader for BegunLoader {
    type Key = ();
    type Value = Arc<HashMap<ChapterId, Begun>>;
    type Error = Arc<Error>;

    async fn load(&self, _: &[()]) -> LoadResult<Self> {
        use progress::Column::{ChapterId as Of, Percent, UpdatedAt};
        let begun = self.0.owned::<progress::Entity>()?.filter(Percent.greater_than(0));
        let columns = [Of, Percent, UpdatedAt];
        let begun = begun.columns::<(ChapterId, i32, Timestamp)>(columns).await?;
        let by_chapter = begun.into_iter().map(|(id, percent, at)| (id, (percent, at)));
        Ok([((), Arc::new(by_chapter.collect()))].into_iter().collect())
    }
}

/// The chapters of a course that the caller sees, in order.
pub(super) async fn outline(ctx: &Context<'_>, course: CourseId) -> Result<Arc<[ChapterId]>> {
    let outlines = &ctx.request_data::<Loaders>().outlines;
    Ok(outlines.load_one(course).await?.unwrap_or_default())
}

/// The chapter of this course that is `steps` after another. None beyond both ends.
pub(super) async fn neighbor(
    ctx: &Context<'_>,
    (chapter, course): (ChapterId, CourseId),
    steps: isize,
    field: &str,
) -> Result<Option<Chapter>> {
    let chapters = outline(ctx, course).await?;
    let at = chapters.iter().position(|id| *id == chapter);
    let neighbor = at.and_then(|at| chapters.get(at.checked_add_signed(steps)?));
    match neighbor {
        Some(id) => visible_chapter(ctx, *id, field).await,
        None => Ok(None),
    }
}

/// The chapter with this ID that `field` returns. None if the caller does not see it.
pub(super) async fn visible_chapter(
    ctx: &Context<'_>,
    id: ChapterId,
    field: &str,
) -> Result<Option<Chapter>> {
    let row = ctx.request_data::<Loaders>().chapters.load_one(id).await?;
    visible_courses(ctx).record_chapters(ctx, field, &row);
    Ok(row.map(Chapter))
}

/// The caller's progress in a course.
pub struct CourseProgress {
    chapters: Arc<[ChapterId]>,
    begun: Arc<HashMap<ChapterId, Begun>>,
}

impl CourseProgress {
    /// The caller's progress. None if no user is signed in.
    pub(super) async fn of(ctx: &Context<'_>, course: CourseId) -> Result<Option<Self>> {
        if ctx.scope().owner().is_none() {
            return Ok(None);
        }
        let begun = async { Ok(ctx.request_data::<Loaders>().begun.load_one(()).await?) };
        // Together: the outlines that other fields load are of the same batch.
        let (chapters, begun) = try_join(outline(ctx, course), begun).await?;
        Ok(Some(Self { chapters, begun: begun.unwrap_or_default() }))
    }

    /// The chapter that the caller reads: of those that are begun and not completed the last one, or else the first that
    /// is not completed. None if all of them are completed.
    pub(super) fn current(&self) -> Option<ChapterId> {
        let begun = self.open().filter_map(|id| Some((self.begun.get(&id)?.1, id)));
        begun.max().map(|(_, id)| id).or_else(|| self.open().next())
    }

    /// The first chapter after this one that is not completed, or else the first one that is not.
    pub(super) fn open_after(&self, chapter: ChapterId) -> Option<ChapterId> {
        let before = self.chapters.iter().position(|id| *id == chapter)?;
        let mut after = self.chapters.iter().skip(before);
        let is_open = |id: &&ChapterId| self.percentage(id) < 100;
        after.find(is_open).copied().or_else(|| self.open().next())
    }

    /// The chapters that are not completed.
    fn open(&self) -> impl Iterator<Item = ChapterId> + '_ {
        self.chapters.iter().copied().filter(|id| self.percentage(id) < 100)
    }

    fn percentages(&self) -> impl Iterator<Item = i32> + '_ {
        self.chapters.iter().map(|id| self.percentage(id))
    }

    fn percentage(&self, id: &ChapterId) -> i32 {
        self.begun.get(id).map_or(0, |(percent, _)| *percent)
    }

    fn count(&self, matches: impl Fn(i32) -> bool) -> i32 {
        i32::try_from(self.percentages().filter(|percent| matches(*percent)).count())
            .unwrap_or(i32::MAX)
    }
}

/// The caller's progress in a course: in those of its chapters that the caller sees.
#[guarded(CourseProgress)]
impl CourseProgress {
    /// Mean progress in the chapters, in percent, rounded down. 100 only if all of them are completed.
    async fn percent(&self) -> i32 {
        let chapters = i64::try_from(self.chapters.len()).unwrap_or(i64::MAX).max(1);
        let sum: i64 = self.percentages().map(i64::from).sum();
        i32::try_from(sum / chapters).unwrap_or_default()
    }

    /// Number of completed chapters.
    async fn completed_chapters(&self) -> i32 {
        self.count(|percent| percent == 100)
    }

    /// Number of chapters with progress, completed or not.
    async fn started_chapters(&self) -> i32 {
        self.count(|percent| percent > 0)
    }

    /// Time of the last change of the caller's progress in one of the chapters. Null if they have begun none.
    async fn updated_at(&self) -> Option<DateTime> {
        let times = self.chapters.iter().filter_map(|id| self.begun.get(id).map(|(_, at)| *at));
        times.max().map(DateTime)
    }

    /// The first chapter that is not completed. Null if all of them are.
    #[graphql(guard = "Public", scope = "courses:read")]
    async fn next_chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        match self.open().next() {
            Some(id) => visible_chapter(ctx, id, "CourseProgress.nextChapter").await,
            None => Ok(None),
        }
    }
}
