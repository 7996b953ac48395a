//! Isolation suite of the shipped server: `hallpass::testing::isolation` with rows of tasks, courses and learners.
//! `seeds` defines the rows. What is specific to tasks is here too: private fields of public tasks (`fields`), and
//! changes of the owner during a request (`toctou`).

mod course_fixture;
mod fields;
mod seeds;
mod self_check;
mod toctou;

use hallpass::testing::isolation::{Attacker, Backend, Report, Suite, Transport};

use crate::support::app::application;
use crate::support::callers::{alice, bob};
use crate::support::{postgres, secret_log};

/// The suite, which sends every document.
fn suite() -> Suite {
    suite_without_rows().seed(seeds::rows)
}

fn suite_without_rows() -> Suite {
    secret_log::watch();
    Suite::new(application().clone())
        .users(alice(), bob())
        .public_view(seeds::public_view)
        .fixture(course_fixture::fill)
        .keys(course_fixture::keys())
        .words(course_fixture::slugs())
        .postgres(postgres::database)
        .inspect_token(secret_log::forbid_in_log)
        // Only editors cause its events, which are of rows that every caller may see.
        .exempt("Subscription.chapterPublished")
        .complete()
}

/// Sends one in `step` of the variations.
async fn compare(backend: Backend, step: usize, attackers: &[Attacker]) -> Report {
    let report = suite().sample(step).compare(backend, attackers).await;
    println!("{report:?} on {backend:?}");
    assert!(report.cursors > 20, "alice has rows in her lists");
    report
}

/// Bob, and an anonymous caller.
const ATTACKERS: [Attacker; 2] =
    [Attacker::user(Transport::Post), Attacker::anonymous(Transport::Post)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_hide_other_users_rows_on_sqlite() {
    let report = compare(Backend::Sqlite, 1, &ATTACKERS).await;
    assert!(report.documents > 2_400, "only {} documents", report.documents);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_hide_other_users_rows_on_postgres() {
    compare(Backend::Postgres, 8, &ATTACKERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_caller_with_same_subject_is_isolated() {
    compare(Backend::Sqlite, 8, &[Attacker::service(Transport::Post)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn isolation_holds_over_websocket_and_sse() {
    let attackers = [
        Attacker::user(Transport::EventStream),
        Attacker::user(Transport::Socket),
        Attacker::anonymous(Transport::Socket),
    ];
    compare(Backend::Sqlite, 8, &attackers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suite_detects_missing_owner_filter() {
    suite().sample(4).self_check().await;
}

#[tokio::test]
async fn forbid_mode_distinguishes_foreign_rows() {
    let fields = suite().check_denials().await;
    assert!(fields.len() >= 8, "only {fields:?}");
}

#[tokio::test]
async fn foreign_and_missing_rows_take_equal_time() {
    let documents = suite().check_timing().await;
    for field in ["query { task(", "mutation { deleteTask("] {
        assert!(documents.iter().any(|it| it.starts_with(field)), "no {field} in {documents:?}");
    }
}

#[tokio::test]
async fn events_reach_their_owner_only() {
    let fields = suite().sample(8).check_subscriptions().await;
    assert_eq!(
        fields,
        ["Subscription.events", "Subscription.progressEvents", "Subscription.taskEvents"]
    );
}

#[tokio::test]
async fn erasure_reaches_every_owned_table() {
    suite().check_erasure().await;
}

#[tokio::test]
#[should_panic(
    expected = "[\"learner_profile\"]: these tables are owned by users or tenants: insert rows"
)]
async fn owned_table_without_rows_is_reported() {
    suite_without_rows().seed(seeds::rows_without_profile).check_erasure().await;
}
