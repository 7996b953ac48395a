//! Usage statistics of users and sessions, for administrators: counts over the rows of all users, without user data.

use std::collections::HashMap;

use async_graphql::{Context, SimpleObject};
use chrono::TimeDelta;
use hallpass_data::{Comparison as _, Privilege, Timestamp, known_user, now, seen_session};

use crate::access::{RECENTLY_AUTHENTICATED_ADMIN, guarded};
use crate::activity::ACTIVE_WINDOW;
use crate::graphql::{ContextExt as _, DateTime, Result};
use hallpass_identity::Tiers;

/// Default period in which a user counts as active.
const ACTIVE_USER_WINDOW: TimeDelta = TimeDelta::days(30);

/// Usage statistics of users and sessions. An application with statistics of its own merges both into a type
/// `Analytics`, and writes its own query.
#[derive(SimpleObject)]
pub struct CoreAnalytics {
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
}

/// Number of users with a tier.
#[derive(Clone, Debug, SimpleObject)]
pub struct TierCount {
    /// Tier name.
    pub tier: String,
    /// Number of users.
    pub users: i64,
}

impl CoreAnalytics {
    /// Counts users and sessions. `since` limits the count of active users.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn count(
        ctx: &Context<'_>,
        privilege: Privilege,
        since: Option<Timestamp>,
    ) -> Result<Self> {
        use known_user::Column::{LastSeen, Tier};
        let (scope, tiers) = (ctx.scope(), &ctx.request_auth().policy.tiers);
        let users = scope.all::<known_user::Entity>(privilege);
        let users_by_tier = by_tier(tiers, users.count_by(Tier).await?);
        let active = users
            .filter(LastSeen.greater_than(since.unwrap_or_else(|| now() - ACTIVE_USER_WINDOW)));
        let sessions = scope.all::<seen_session::Entity>(privilege);
        let in_use =
            sessions.filter(seen_session::Column::LastSeen.greater_than(now() - ACTIVE_WINDOW));
        Ok(Self {
            total_users: users_by_tier.iter().map(|tier| tier.users).sum(),
            active_sessions: in_use.count().await?,
            active_users: active.count().await?,
            revenue: revenue(tiers, &users_by_tier),
            users_by_tier,
        })
    }
}

/// Usage statistics across all users. Administrators only.
#[guarded(Analytics)]
pub struct Analytics(CoreAnalytics);

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
        CoreAnalytics::count(ctx, privilege, since).await.map(Analytics)
    }
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
