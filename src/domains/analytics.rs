//! Figures for administrators: counts over the rows of all users, and no row itself.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};
use chrono::TimeDelta;
use hallpass_entity::{
    ChapterId, Comparison, Filter, Privilege, Scope, Timestamp, chapter, known_user, now, progress,
    seen_session, task,
};

use super::courses::Chapter;
use crate::access::Rule::Public;
use crate::access::{FRESH_ADMIN, guarded, semantic_non_null};
use crate::activity::ACTIVE_WINDOW;
use crate::graphql::{ContextExt as _, DateTime, NullOnError, Result};
use crate::identity::Tiers;

/// Who was here within this time is an active user, unless another is asked for.
const MONTH: TimeDelta = TimeDelta::days(30);
/// How many chapters are told of.
const TOP: usize = 5;

/// How the place is doing.
pub type Analytics = NullOnError<AnalyticsFields>;

/// How the place is doing.
#[derive(SimpleObject)]
#[graphql(name = "Analytics", complex)]
pub struct AnalyticsFields {
    /// How many users were ever here.
    pub total_users: i64,
    /// How many sessions were used in the last 15 minutes. Credentials that name no session count none.
    pub active_sessions: i64,
    /// How many users were here since the moment asked for, else in the last 30 days.
    pub active_users: i64,
    /// What the tiers of all users cost in a month, by the prices in `TIERS`.
    pub revenue: f64,
    /// How many users hold each tier, lowest first. A tier that is not configured counts as the lowest.
    pub users_by_tier: Vec<TierCount>,
    /// How many tasks were made and are still there; since the moment asked for, else ever.
    pub tasks_created: i64,
    /// How many of all tasks are done; since the moment asked for, else ever.
    pub tasks_completed: i64,
    /// How often a chapter was read to its end; since the moment asked for, else ever.
    pub chapter_completions: i64,
    #[graphql(skip)]
    top_chapters: Vec<ChapterCount>,
}

#[guarded(Analytics)]
#[ComplexObject]
impl AnalyticsFields {
    /// The chapters that were read to their end most often in that time, five at most.
    #[graphql(guard = "Public", scope = "courses:read", directive = semantic_non_null::apply())]
    async fn top_chapters(&self) -> Option<&[ChapterCount]> {
        Some(&self.top_chapters)
    }
}

/// How many users hold a tier.
#[derive(Clone, Debug, SimpleObject)]
pub struct TierCount {
    /// The tier.
    pub tier: String,
    /// How many users hold it.
    pub users: i64,
}

/// How often a chapter was read to its end.
#[derive(SimpleObject)]
pub struct ChapterCount {
    /// The chapter.
    pub chapter: Chapter,
    /// By how many readers.
    pub completions: i64,
}

/// The query about the whole place.
#[derive(Default)]
pub struct AnalyticsQuery;

#[guarded(Query, domain = "analytics")]
#[Object]
impl AnalyticsQuery {
    /// How the place is doing: since the moment given, where a count is one of a time.
    #[graphql(guard = "FRESH_ADMIN", directive = semantic_non_null::apply())]
    async fn analytics(
        &self,
        ctx: &Context<'_>,
        since: Option<DateTime>,
    ) -> Result<Option<Analytics>> {
        use known_user::Column::{LastSeen, Tier};
        use task::Column::{Completed, CompletedAt, CreatedAt};
        let (scope, proof) = (ctx.scope(), FRESH_ADMIN.authorize(ctx).await?);
        let since = since.map(|DateTime(moment)| moment);
        let tiers = &ctx.request_auth().policy.tiers;
        let users = scope.all::<known_user::Entity>(proof);
        let users_by_tier = by_tier(tiers, users.count_by(Tier).await?);
        let active = users.filter(LastSeen.greater_than(since.unwrap_or_else(|| now() - MONTH)));
        let sessions = scope.all::<seen_session::Entity>(proof);
        let in_use =
            sessions.filter(seen_session::Column::LastSeen.greater_than(now() - ACTIVE_WINDOW));
        let tasks = scope.all::<task::Entity>(proof);
        let created = tasks.clone().filter(from(CreatedAt, since));
        let done = tasks.filter(Completed.is(true).and(from(CompletedAt, since)));
        let finished = finished(scope, proof, since).await?;
        Ok(Some(NullOnError(AnalyticsFields {
            total_users: users_by_tier.iter().map(|tier| tier.users).sum(),
            active_sessions: in_use.count().await?,
            active_users: active.count().await?,
            revenue: revenue(tiers, &users_by_tier),
            users_by_tier,
            tasks_created: created.count().await?,
            tasks_completed: done.count().await?,
            chapter_completions: finished.iter().map(|(_, readers)| readers).sum(),
            top_chapters: top(scope, proof, finished).await?,
        })))
    }
}

fn from<C: Comparison>(column: C, since: Option<Timestamp>) -> Filter<C::Table> {
    Filter::all().and_if_some(since.map(|moment| column.greater_than(moment)))
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

/// In hundredths at most, as prices are.
fn revenue(tiers: &Tiers, users: &[TierCount]) -> f64 {
    let sum: f64 = users.iter().map(|count| tiers.price(&count.tier) * count.users as f64).sum();
    (sum * 100.0).round() / 100.0
}

/// How many readers read each chapter to its end.
async fn finished(
    scope: &Scope,
    proof: Privilege,
    since: Option<Timestamp>,
) -> Result<Vec<(ChapterId, i64)>> {
    use progress::Column::{ChapterId, Percent, UpdatedAt};
    let all = scope.all::<progress::Entity>(proof);
    Ok(all.filter(Percent.is(100).and(from(UpdatedAt, since))).count_by(ChapterId).await?)
}

/// The chapters with most readers, whether or not they are published now.
async fn top(
    scope: &Scope,
    proof: Privilege,
    mut finished: Vec<(ChapterId, i64)>,
) -> Result<Vec<ChapterCount>> {
    finished.sort_by_key(|(id, readers)| (Reverse(*readers), *id));
    finished.truncate(TOP);
    let these = chapter::Column::Id.one_of(finished.iter().map(|(id, _)| *id));
    let rows = scope.all::<chapter::Entity>(proof).filter(these).all().await?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let in_order = finished.into_iter().filter_map(|(id, completions)| {
        Some(ChapterCount { chapter: rows.remove(&id)?.into(), completions })
    });
    Ok(in_order.collect())
}
