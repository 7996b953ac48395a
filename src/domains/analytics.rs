//! Usage statistics for administrators: counts over the rows of all users, without user data.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};
use chrono::TimeDelta;
use hallpass_data::{
    Comparison, Filter, Privilege, Scope, Timestamp, known_user, now, seen_session,
};
use hallpass_entity::{ChapterId, chapter, progress, task};

use super::courses::Chapter;
use crate::access::Rule::Public;
use crate::access::{RECENTLY_AUTHENTICATED_ADMIN, guarded, semantic_non_null};
use crate::activity::ACTIVE_WINDOW;
use crate::graphql::{ContextExt as _, DateTime, NullOnError, Result};
use hallpass_identity::Tiers;

/// Default period in which a user counts as active.
const ACTIVE_USER_WINDOW: TimeDelta = TimeDelta::days(30);
/// Maximum number of chapters in `topChapters`.
const MAX_TOP_CHAPTERS: usize = 5;

/// Usage statistics across all users. Administrators only.
pub type Analytics = NullOnError<AnalyticsFields>;

/// Usage statistics across all users. Administrators only.
#[derive(SimpleObject)]
#[graphql(name = "Analytics", complex)]
pub struct AnalyticsFields {
    /// Number of known users.
    pub total_users: i64,
    /// Sessions used within the last 15 minutes. Credentials without a session ID are not counted.
    pub active_sessions: i64,
    /// Users active since `since`, or within the last 30 days.
    pub active_users: i64,
    /// Monthly price of the tiers of all users, from the prices in `TIERS`.
    pub revenue: f64,
    /// Users per tier, lowest tier first. An unconfigured tier counts as the lowest.
    pub users_by_tier: Vec<TierCount>,
    /// Existing tasks created since `since`, or at any time.
    pub tasks_created: i64,
    /// Tasks completed since `since`, or at any time.
    pub tasks_completed: i64,
    /// Chapters completed since `since`, or at any time, summed over all readers.
    pub chapter_completions: i64,
    #[graphql(skip)]
    top_chapters: Vec<ChapterCount>,
}

#[guarded(Analytics)]
#[ComplexObject]
impl AnalyticsFields {
    /// The chapters completed most often in that period, at most five.
    #[graphql(guard = "Public", scope = "courses:read", directive = semantic_non_null::apply())]
    async fn top_chapters(&self) -> Option<&[ChapterCount]> {
        Some(&self.top_chapters)
    }
}

/// Number of users with a tier.
#[derive(Clone, Debug, SimpleObject)]
pub struct TierCount {
    /// Tier name.
    pub tier: String,
    /// Number of users.
    pub users: i64,
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
#[Object]
impl AnalyticsQuery {
    /// Usage statistics. `since` limits the counts that relate to a period.
    #[graphql(guard = "RECENTLY_AUTHENTICATED_ADMIN", directive = semantic_non_null::apply())]
    async fn analytics(
        &self,
        ctx: &Context<'_>,
        since: Option<DateTime>,
    ) -> Result<Option<Analytics>> {
        use known_user::Column::{LastSeen, Tier};
        use task::Column::{Completed, CompletedAt, CreatedAt};
        let (scope, privilege) = (ctx.scope(), RECENTLY_AUTHENTICATED_ADMIN.authorize(ctx).await?);
        let since = since.map(|DateTime(time)| time);
        let tiers = &ctx.request_auth().policy.tiers;
        let users = scope.all::<known_user::Entity>(privilege);
        let users_by_tier = by_tier(tiers, users.count_by(Tier).await?);
        let active = users
            .filter(LastSeen.greater_than(since.unwrap_or_else(|| now() - ACTIVE_USER_WINDOW)));
        let sessions = scope.all::<seen_session::Entity>(privilege);
        let in_use =
            sessions.filter(seen_session::Column::LastSeen.greater_than(now() - ACTIVE_WINDOW));
        let tasks = scope.all::<task::Entity>(privilege);
        let created = tasks.clone().filter(from(CreatedAt, since));
        let done = tasks.filter(Completed.is(true).and(from(CompletedAt, since)));
        let completions_by_chapter = completions_by_chapter(scope, privilege, since).await?;
        Ok(Some(NullOnError(AnalyticsFields {
            total_users: users_by_tier.iter().map(|tier| tier.users).sum(),
            active_sessions: in_use.count().await?,
            active_users: active.count().await?,
            revenue: revenue(tiers, &users_by_tier),
            users_by_tier,
            tasks_created: created.count().await?,
            tasks_completed: done.count().await?,
            chapter_completions: completions_by_chapter.iter().map(|(_, readers)| readers).sum(),
            top_chapters: top(scope, privilege, completions_by_chapter).await?,
        })))
    }
}

fn from<C: Comparison>(column: C, since: Option<Timestamp>) -> Filter<C::Table> {
    Filter::all().and_if_some(since.map(|time| column.greater_than(time)))
}

fn by_tier(tiers: &Tiers, counts: Vec<(String, i64)>) -> Vec<TierCount> {
    let mut users = HashMap::<&str, i64>::new();
    for (held, count) in &counts {
        *users.entry(tiers.counted_as(held)).or_default() += count;
    }
    let names = tiers.names().iter();
    names
        .map(|tier| TierCount {
            tier: tier.clone(),
            users: users.get(tier.as_str()).copied().unwrap_or(0),
        })
        .collect()
}

/// Sum of prices, rounded to hundredths.
fn revenue(tiers: &Tiers, users: &[TierCount]) -> f64 {
    let sum: f64 = users.iter().map(|count| tiers.price(&count.tier) * count.users as f64).sum();
    (sum * 100.0).round() / 100.0
}

/// Number of readers who completed each chapter since `since`.
async fn completions_by_chapter(
    scope: &Scope,
    privilege: Privilege,
    since: Option<Timestamp>,
) -> Result<Vec<(ChapterId, i64)>> {
    use progress::Column::{ChapterId, Percent, UpdatedAt};
    let all = scope.all::<progress::Entity>(privilege);
    Ok(all.filter(Percent.is(100).and(from(UpdatedAt, since))).count_by(ChapterId).await?)
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
        Some(ChapterCount { chapter: rows.remove(&id)?.into(), completions })
    });
    Ok(in_order.collect())
}
