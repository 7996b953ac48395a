//! What is left of a caller's budget, in the response: headers of draft-ietf-httpapi-ratelimit-headers, and an extension
//! for clients that request it.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::http::limits::rate_limit::Budget;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BudgetExtension {
    /// Points of the operation.
    cost: u64,
    /// Points of the whole budget.
    limit: u32,
    /// Points that are left.
    remaining: u32,
    /// Seconds until the whole budget is replenished; of a refusal, until the operation is possible.
    reset_seconds: u64,
}

impl BudgetExtension {
    /// What is left after an operation of this `cost`.
    pub(super) fn new(budget: &Budget, cost: u64) -> Self {
        let (limit, remaining) = (budget.limit, budget.remaining);
        Self { cost, limit, remaining, reset_seconds: whole_seconds(budget.reset) }
    }
}

/// What is left of the caller's budget (draft-ietf-httpapi-ratelimit-headers).
pub(in crate::http) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The caller's budget (draft-ietf-httpapi-ratelimit-headers).
pub(in crate::http) const RATE_LIMIT_POLICY: HeaderName =
    HeaderName::from_static("ratelimit-policy");

/// Adds the headers of a budget.
pub(super) fn set_budget(headers: &mut HeaderMap, budget: &Budget) {
    let Budget { name, limit, period, remaining, reset } = budget;
    let (reset, window) = (whole_seconds(*reset), period.as_secs());
    // Names of tiers have no quotes: they are listed in a setting.
    let policy = HeaderValue::from_str(&format!("\"{name}\";q={limit};w={window}"));
    let left = HeaderValue::from_str(&format!("\"{name}\";r={remaining};t={reset}"));
    if let (Ok(policy), Ok(left)) = (policy, left) {
        headers.insert(RATE_LIMIT_POLICY, policy);
        headers.insert(RATE_LIMIT, left);
    }
}

/// Whole seconds, rounded up.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_to_wait_are_rounded_up() {
        for (time, seconds) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_secs(1), 1),
            (Duration::from_secs(1) + Duration::from_nanos(1), 2),
        ] {
            assert_eq!(whole_seconds(time), seconds, "{time:?}");
        }
    }
}
