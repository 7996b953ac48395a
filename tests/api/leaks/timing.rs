//! Somebody else's row takes as long to refuse as one that is not there. That the same statements run for
//! both, `hunt` shows; this looks at the clock, and tolerates a busy machine.

use std::time::{Duration, Instant};

use hallpass::graphql::encode_id;
use uuid::Uuid;

use super::seeds::id;
use super::world::World;
use crate::app::{Backend, Client};
use crate::people::bob;

/// Pairs of requests, one of each kind in turn, so that what slows one down slows the other.
const PAIRS: usize = 31;
/// How far the medians may be apart, as a factor.
const FACTOR: u32 = 2;
/// How often the measurement may be repeated.
const TRIES: usize = 5;

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
    let (mut hers, mut nobodys) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        hers.push(time(who, field, id(12)).await);
        nobodys.push(time(who, field, Uuid::from_u128(pair as u128)).await);
    }
    (median(hers), median(nobodys))
}

#[tokio::test]
async fn somebody_elses_row_takes_as_long_as_none() {
    let world = World::build(Backend::Sqlite, true, &[], false).await;
    let bob = bob();
    let bob = world.app.by_jwt(&bob);
    for field in ["query { task", "mutation { deleteTask"] {
        let mut seen = Vec::new();
        for _ in 0..TRIES {
            let (hers, nobodys) = medians(&bob, field).await;
            seen.push((hers, nobodys));
            if hers < nobodys * FACTOR && nobodys < hers * FACTOR {
                seen.clear();
                break;
            }
        }
        assert!(seen.is_empty(), "{field} tells hers from none by the clock: {seen:?}");
    }
}
