//! A foreign row takes as long to reject as a missing one. `runner` shows that the same statements run for
//! both; this measures time, and tolerates a busy machine.

use std::time::{Duration, Instant};

use hallpass::graphql::encode_id;
use uuid::Uuid;

use super::fixture::Fixture;
use super::seeds::id;
use crate::support::app::{Backend, Client};
use crate::support::callers::bob;

/// Pairs of requests, alternating, so that a slowdown affects both kinds.
const PAIRS: usize = 31;
/// Maximum ratio of the medians.
const FACTOR: u32 = 2;
/// Maximum number of measurements.
const MAX_ATTEMPTS: usize = 5;

async fn time(who: &Client<'_>, field: &str, key: Uuid) -> Duration {
    let key = encode_id("Task", key).0;
    let began = Instant::now();
    who.ask(&format!(
        "{field}(id: \"{key}\"){}",
        if field.starts_with('m') { " }" } else { " { id } }" }
    ))
    .await;
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn medians(who: &Client<'_>, field: &str) -> (Duration, Duration) {
    let (mut alices, mut nonexistent) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        alices.push(time(who, field, id(12)).await);
        nonexistent.push(time(who, field, Uuid::from_u128(pair as u128)).await);
    }
    (median(alices), median(nonexistent))
}

#[tokio::test]
async fn foreign_and_missing_rows_take_equal_time() {
    let fixture = Fixture::build(Backend::Sqlite, true, &[], false).await;
    let bob = bob();
    let bob = fixture.app.by_jwt(&bob);
    for field in ["query { task", "mutation { deleteTask"] {
        let mut seen = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let (alices, nonexistent) = medians(&bob, field).await;
            seen.push((alices, nonexistent));
            if alices < nonexistent * FACTOR && nonexistent < alices * FACTOR {
                seen.clear();
                break;
            }
        }
        assert!(
            seen.is_empty(),
            "{field} takes different times for foreign and missing rows: {seen:?}"
        );
    }
}
