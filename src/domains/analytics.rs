//! Usage statistics for administrators: those of the core, and those of tasks and chapters.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_graphql::{Context, SimpleObject};
use hallpass::data::{Comparison, Filter, Privilege, Scope, Timestamp};
use hallpass_entity::{ChapterId, chapter, progress, task};

use super::courses::Chapter;
use hallpass::access::Rule::Public;
use hallpass::access::{RECENTLY_AUTHENTICATED_ADMIN, guarded};
use hallpass::core_schema::CoreAnalytics;
use hallpass::graphql::{ContextExt as _, DateTime, Result};

/// Maximum number of chapters in `topChapters`.
const MAX_TOP_CHAPTERS: usize = 5;

/// Usage statistics across all users. Administrators only.
#[guarded(Analytics)]
pub struct Analytics(CoreAnalytics, ContentAnalytics);

/// The statistics of tasks and chapters.
pub struct ContentAnalytics {
    tasks_created: i64,
    tasks_completed: i64,
    chapter_completions: i64,
    top_chapters: Vec<ChapterCount>,
}

#[guarded(Analytics)]
impl ContentAnalytics {
    /// Existing tasks created since `since`, or at any time.
    async fn tasks_created(&self) -> i64 {
        self.tasks_created
    }

    /// Tasks completed since `since`, or at any time.
    async fn tasks_completed(&self) -> i64 {
        self.tasks_completed
    }

    /// Chapters completed since `since`, or at any time, summed over all readers.
    async fn chapter_completions(&self) -> i64 {
        self.chapter_completions
    }

    /// The chapters completed most often in that period, at most five.
    #[graphql(guard = "Public", scope = "courses:read")]
    async fn top_chapters(&self) -> &[ChapterCount] {
        &self.top_chapters
    }
}

/// Number of completions of a chapter.
#[derive(SimpleObject)]
pub struct ChapterCount {
    /// The chapter.
    pub chapter: Chapter,
    /// Number of readers who completed the chapter.
    pub completions: i64,
}

/// Query for usage statistics.
#[derive(Default)]
pub struct AnalyticsQuery;

#[guarded(Query, domain = "analytics")]
impl AnalyticsQuery {
    /// Usage statistics. `since` limits the counts that relate to a period.
    #[graphql(guard = "RECENTLY_AUTHENTICATED_ADMIN")]
    async fn analytics(&self, ctx: &Context<'_>, since: Option<DateTime>) -> Result<Analytics> {
        let privilege = RECENTLY_AUTHENTICATED_ADMIN.authorize(ctx).await?;
        let since = since.map(|DateTime(time)| time);
        let core = CoreAnalytics::count(ctx, privilege, since).await?;
        let content = ContentAnalytics::count(ctx.scope(), privilege, since).await?;
        Ok(Analytics(core, content))
    }
}

impl ContentAnalytics {
    async fn count(scope: &Scope, privilege: Privilege, since: Option<Timestamp>) -> Result<Self> {
        use task::Column::{Completed, CompletedAt, CreatedAt};
        let tasks = scope.all::<task::Entity>(privilege);
        let created = tasks.clone().filter(from(CreatedAt, since));
        let done = tasks.filter(Completed.is(true).and(from(CompletedAt, since)));
        let completions_by_chapter = completions_by_chapter(scope, privilege, since).await?;
        Ok(Self {
            tasks_created: created.count().await?,
            tasks_completed: done.count().await?,
            chapter_completions: completions_by_chapter.iter().map(|(_, readers)| readers).sum(),
            top_chapters: top(scope, privilege, completions_by_chapter).await?,
        })
    }
}

fn from<C: Comparison>(column: C, since: Option<Timestamp>) -> Filter<C::Table> {
    Filter::all().and_if_some(since.map(|time| column.greater_than(time)))
}

/// Number of readers who completed each chapter since `since`.
async fn completions_by_chapter(
    scope: &Scope,
    privilege: Privilege,
    since: Option<Timestamp>,
) -> Result<Vec<(ChapterId, i64)>> {
    use progress::Column::{ChapterId, Percent, UpdatedAt};
    let all = scope.all::<progress::Entity>(privilege);
    Ok(all.filter(Percent.is_constant(100).and(from(UpdatedAt, since))).count_by(ChapterId).await?)
}

/// The chapters with the most completions, drafts included.
async fn top(
    scope: &Scope,
    privilege: Privilege,
    mut completions_by_chapter: Vec<(ChapterId, i64)>,
) -> Result<Vec<ChapterCount>> {
    completions_by_chapter.sort_by_key(|(id, readers)| (Reverse(*readers), *id));
    completions_by_chapter.truncate(MAX_TOP_CHAPTERS);
    let these = chapter::Column::Id.one_of(completions_by_chapter.iter().map(|(id, _)| *id));
    let rows = scope.all::<chapter::Entity>(privilege).filter(these).all().await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let in_order = completions_by_chapter.into_iter().filter_map(|(id, completions)| {
        Some(ChapterCount { chapter: Chapter(rows.remove(&id)?), completions })
    });
    Ok(in_order.collect())
}
