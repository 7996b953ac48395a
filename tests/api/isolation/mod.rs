//! Isolation suite: no request reveals or changes another user's rows. The documents are generated from the
//! schema.
//!
//! `generator` makes a document for every root field with every argument that can name or reach rows, in
//! every shape. `fixture` runs two servers that differ only in Alice's rows. `runner` sends every document to
//! both, as Bob and as an anonymous caller, and a part of them as a service caller and over event streams and
//! WebSockets: any difference in status, headers, body or statements is a leak. `seeds` defines the rows.
//!
//! A new root field or argument is covered automatically. A new owned table has to be added to `seeds`, and a
//! new kind of value to `values`: until then the tests fail and report it.

mod attacker_knowledge;
mod client;
mod course_fixture;
mod fields;
mod fixture;
mod forbid;
mod generator;
mod normalize;
mod owned;
mod runner;
pub mod sdl;
mod seeds;
mod selection;
mod self_check;
mod table;
mod timing;
mod toctou;
mod values;

use std::collections::BTreeSet;

use client::{Attacker, Transport};
use fixture::FixturePair;
use runner::IsolationRun;
use sdl::Sdl;

use crate::support::app::Backend;
use crate::support::callers::bob;

/// Subscriptions with an isolation test of their own.
const SUBSCRIPTIONS: [&str; 2] = ["taskEvents", "progressEvents"];
/// Objects that only subscriptions return.
const EVENTS: [&str; 1] = ["TaskEvent"];

/// The fields with leaks, and the first few leaks.
fn describe_leaks(leaks: &[runner::Leak]) -> String {
    let fields: BTreeSet<_> = leaks.iter().map(|leak| leak.field.as_str()).collect();
    let descriptions =
        leaks.iter().take(3).map(|leak| leak.description.as_str()).collect::<Vec<_>>();
    format!("{} leaks, in {fields:?}, such as\n{}", leaks.len(), descriptions.join("\n"))
}

/// The audience of a service caller's token.
const RESOURCE: &str = "https://api.example.test/leaks";

/// Bob, and an anonymous caller.
fn attackers() -> [Attacker; 2] {
    [Attacker::user_caller(&bob(), Transport::Post), Attacker::anonymous(Transport::Post)]
}

/// Sends one in `step` of the variations.
async fn assert_no_leaks(backend: Backend, step: usize, attackers: &[Attacker]) -> IsolationRun {
    let pair = FixturePair::build(backend, &["--oauth-resource", RESOURCE], false).await;
    let run = IsolationRun::execute(&pair, step, attackers).await;
    println!("{} cases on {backend:?}", run.generated.cases.len());
    assert!(run.leaks.is_empty(), "{}", describe_leaks(&run.leaks));
    assert!(run.rejected.is_empty(), "the server did not run\n{}", run.rejected.join("\n"));
    assert_eq!(run.generated.failed, [] as [&str; 0], "no case for these");
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_hide_other_users_rows_on_sqlite() {
    let run = assert_no_leaks(Backend::Sqlite, 1, &attackers()).await;
    assert!(run.generated.cases.len() > 300, "only {} cases", run.generated.cases.len());
    let seen = Sdl::of_unprivileged();
    for root in ["Query", "Mutation"] {
        for field in seen.fields(root) {
            let name = format!("{root}.{}", field.node.name.node);
            assert!(run.answered.contains(&name), "no case gets an answer out of {name}");
        }
    }
    for object in seen.objects() {
        let is_event = EVENTS.contains(&object);
        assert!(is_event || run.generated.reached.contains(object), "no case selects a {object}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_hide_other_users_rows_on_postgres() {
    assert_no_leaks(Backend::Postgres, 8, &attackers()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_caller_with_same_subject_is_isolated() {
    assert_no_leaks(Backend::Sqlite, 8, &[Attacker::service(RESOURCE, Transport::Post)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn isolation_holds_over_websocket_and_sse() {
    let bob = [Transport::EventStream, Transport::Socket]
        .map(|transport| Attacker::user_caller(&bob(), transport));
    let attackers =
        bob.into_iter().chain([Attacker::anonymous(Transport::Socket)]).collect::<Vec<_>>();
    assert_no_leaks(Backend::Sqlite, 8, &attackers).await;
}

#[test]
fn every_owned_table_is_seeded() {
    let seeded: BTreeSet<_> = seeds::tables().iter().map(|t| t.name().to_owned()).collect();
    for table in owned::owned_tables() {
        assert!(seeded.contains(&table), "{table} is owned: add rows of it to isolation/seeds.rs");
    }
    for table in seeds::tables() {
        let name = table.name();
        assert_eq!(
            table.columns_without_marker(),
            [] as [&str; 0],
            "of {name}: put a marker text there"
        );
        assert!(!table.secrets().is_empty(), "{name} has no distinctive values");
    }
}

#[test]
fn every_subscription_has_an_isolation_test() {
    for field in Sdl::whole().fields("Subscription") {
        let name = field.node.name.node.as_str();
        assert!(
            SUBSCRIPTIONS.contains(&name),
            "test the isolation of Subscription.{name}, then add it to isolation/mod.rs"
        );
    }
}
