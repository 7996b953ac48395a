//! The audit writer: what is queued, dropped, pruned and pseudonymized.

use hallpass_data::trusted::ProvedPrivilege as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass::access::{ALLOWED, AuditEntry};
use hallpass::audit::{self, Audit, Writer};
use hallpass_data::audit::{Column, Entity, Model, row_of_user};
use hallpass_data::{AuditEventId, Database, Options, Privilege, now};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    TransactionTrait as _,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ada, event_of, flush_audit};
use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::alice;

/// Capacity of the queue.
const QUEUE_CAPACITY: usize = 8192;
/// Capacity of one caller's share.
const CALLER_SHARE: usize = 2048;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An audit log of the test's own, beside the server's.
struct TestAudit {
    audit: Arc<Audit>,
    writer: Writer,
    metrics: Registry,
}

impl TestAudit {
    fn on(database: &Database, retention: &str) -> Self {
        let mut metrics = Registry::default();
        let (audit, writer) =
            audit::open(database.clone(), retention.parse().unwrap(), &mut metrics);
        Self { audit, writer, metrics }
    }

    fn record(&self, entries: Vec<AuditEntry>) {
        (self.audit.sink(LOCALHOST))(entries);
    }

    /// Writes the queue, and stops.
    async fn finish(self) -> FinishedAudit {
        let stop = CancellationToken::new();
        stop.cancel();
        self.writer.run_until(stop).await;
        FinishedAudit { audit: self.audit, metrics: self.metrics }
    }

    /// Writes while `work` runs.
    async fn while_writing<T>(self, work: impl AsyncFnOnce(&Arc<Audit>, &Registry) -> T) -> T {
        let stop = CancellationToken::new();
        let writing = tokio::spawn(self.writer.run_until(stop.clone()));
        let done = work(&self.audit, &self.metrics).await;
        stop.cancel();
        writing.await.unwrap();
        done
    }
}

struct FinishedAudit {
    audit: Arc<Audit>,
    metrics: Registry,
}

fn counted(metrics: &Registry, outcome: &str) -> usize {
    value(metrics, &format!("hallpass_audit_events_total{{outcome=\"{outcome}\"}} "))
}

fn dropped(metrics: &Registry, reason: &str) -> usize {
    value(metrics, &format!("hallpass_audit_events_dropped_total{{reason=\"{reason}\"}} "))
}

fn value(metrics: &Registry, name: &str) -> usize {
    let mut text = String::new();
    encode(&mut text, metrics).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

fn entry(caller: Option<&str>, field: &str) -> AuditEntry {
    AuditEntry {
        at: now(),
        decision_id: Uuid::now_v7(),
        request_id: "request".to_owned(),
        caller_id: caller.map(str::to_owned),
        impersonated_by: None,
        method: None,
        field: field.to_owned(),
        rule: "RULE".to_owned(),
        outcome: ALLOWED.to_owned(),
        row_id: None,
        times: 1,
        client_id: None,
        scopes: None,
    }
}

fn failed(caller: Option<&str>, field: &str) -> AuditEntry {
    AuditEntry { outcome: "FORBIDDEN".to_owned(), ..entry(caller, field) }
}

fn row(age: TimeDelta) -> Model {
    Model {
        id: AuditEventId::generate(),
        at: now() - age,
        decision_id: Uuid::now_v7(),
        request_id: "request".to_owned(),
        caller_id: None,
        impersonated_by: None,
        method: None,
        field: "Query.old".to_owned(),
        rule: "RULE".to_owned(),
        outcome: ALLOWED.to_owned(),
        row_id: None,
        times: 1,
        client_id: None,
        scopes: None,
    }
}

async fn rows(database: &Database) -> Vec<Model> {
    let system = database.system("tests read the audit");
    Entity::find().order_by_asc(Column::Id).all(system.connection()).await.unwrap()
}

async fn eventually(condition: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(30), "the condition was not met in time");
        tokio::task::yield_now().await;
    }
}

on_both_databases! {
    async fn flooding_callers_do_not_displace_others(app: App) {
        let test_audit = TestAudit::on(&app.database, "off");
        let began = Instant::now();
        // Many callers that flood the log, with equal denials and with entries that all differ.
        for caller in 0..20 {
            let id = format!("user-{caller}");
            test_audit.record((0..1000).map(|_| failed(Some(&id), "Query.rejected")).collect());
            test_audit.record((0..3000).map(|line| entry(Some(&id), &format!("Mutation.m{line}"))).collect());
            test_audit.record((0..3000).map(|line| entry(Some(&id), &format!("Query.q{line}"))).collect());
            test_audit.record((0..1000).map(|line| failed(None, &format!("Query.n{line}"))).collect());
        }
        test_audit.record(vec![entry(Some("user-alice"), "Mutation.hers")]);
        test_audit.record(vec![entry(Some("user-ada"), "Query.privileged")]);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let (lost, full) = (counted(&test_audit.metrics, "dropped"), dropped(&test_audit.metrics, "full"));
        assert_eq!(lost, full + dropped(&test_audit.metrics, "share"));
        assert!(full > 0 && dropped(&test_audit.metrics, "share") > 0);
        let merged = counted(&test_audit.metrics, "merged");
        let finished = test_audit.finish().await;
        let kept = rows(&app.database).await;
        assert!(kept.len() <= QUEUE_CAPACITY + CALLER_SHARE, "{}", kept.len());
        assert_eq!(kept.len() + lost + merged, 20 * 8000 + 2, "each entry is accounted for");
        for (caller, field) in [("user-alice", "Mutation.hers"), ("user-ada", "Query.privileged")] {
            let found = kept.iter().find(|event| event.caller_id.as_deref() == Some(caller));
            assert_eq!(found.map(|event| event.field.as_str()), Some(field));
        }
        let rejected = kept.iter().filter(|event| event.caller_id.as_deref() == Some("user-0"));
        let rejected = rejected.filter(|event| event.field == "Query.rejected").collect::<Vec<_>>();
        assert_eq!(rejected.iter().map(|event| event.times).sum::<i32>(), 1000, "merged, not lost");
        assert_eq!(rejected.len(), 128);
        (finished.audit.sink(LOCALHOST))(vec![entry(Some("user-alice"), "Query.late")]);
        assert_eq!(dropped(&finished.metrics, "stopped"), 1, "the writer is stopped");
    }

    async fn privileged_read_is_kept_when_queue_is_full(app: App) {
        let test_audit = TestAudit::on(&app.database, "off");
        for caller in 0..QUEUE_CAPACITY / 32 {
            let id = format!("user-{caller}");
            test_audit.record((0..32).map(|_| entry(Some(&id), "Mutation.m")).collect());
        }
        test_audit.record(vec![entry(Some("user-late"), "Mutation.late")]);
        test_audit.record(vec![entry(Some("user-ada"), "Query.privileged")]);
        assert_eq!(dropped(&test_audit.metrics, "full"), 1);
        test_audit.finish().await;
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), QUEUE_CAPACITY + 1);
        assert!(kept.iter().any(|event| event.field == "Query.privileged"));
    }

    async fn shares_are_written_round_robin(app: App) {
        let test_audit = TestAudit::on(&app.database, "off");
        test_audit.record((0..CALLER_SHARE).map(|_| entry(Some("user-mallory"), "Mutation.first")).collect());
        test_audit.record(vec![entry(Some("user-alice"), "Mutation.second")]);
        test_audit.record((0..600).map(|_| failed(None, "Query.third")).collect());
        test_audit.finish().await;
        let kept = rows(&app.database).await;
        let place = |field: &str| kept.iter().position(|event| event.field == field).unwrap();
        assert!(place("Mutation.second") < 500, "within the first batch");
        assert!(place("Query.third") < 500);
    }

    async fn failed_credentials_are_merged_with_counts(app: App) {
        let test_audit = TestAudit::on(&app.database, "off");
        for number in 0..1000 {
            test_audit.audit.failed(&format!("request-{number}"), "authentication", "signature", "UNAUTHENTICATED");
        }
        test_audit.audit.failed("another", "authentication", "times", "UNAUTHENTICATED");
        let finished = test_audit.finish().await;
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), 11, "the first ten, and the other check");
        assert_eq!(kept.iter().map(|event| event.times).sum::<i32>(), 1001);
        assert_eq!(kept.last().unwrap().rule, "times");
        assert_eq!(counted(&finished.metrics, "dropped"), 0);
    }

    async fn unstorable_names_do_not_fail_the_batch(app: App) {
        let test_audit = TestAudit::on(&app.database, "off");
        let long = "ü".repeat(5000);
        test_audit.record(vec![entry(Some("nul\0nul"), "Query.a"), entry(Some(&long), "Query.b")]);
        let finished = test_audit.finish().await;
        assert_eq!(counted(&finished.metrics, "written"), 2);
        let kept = rows(&app.database).await;
        assert_eq!(kept[0].caller_id.as_deref(), Some("nulnul"));
        assert_eq!(kept[1].caller_id.as_ref().unwrap().chars().count(), 320);
    }

    async fn prunes_beyond_one_batch(app: App) {
        let system = app.database.system("tests write what is old");
        for _ in 0..5 {
            let old = (0..500).map(|_| row(TimeDelta::days(80))).collect();
            system.insert_audit_events(old).await.unwrap();
        }
        system.insert_audit_events(vec![row(TimeDelta::days(60))]).await.unwrap();
        let kept_for_ever = TestAudit::on(&app.database, "off");
        kept_for_ever.while_writing(async |audit, metrics| {
            audit.failed("request", "authentication", "times", "UNAUTHENTICATED");
            eventually(async || counted(metrics, "written") == 1).await;
        }).await;
        assert_eq!(rows(&app.database).await.len(), 2502, "`off` prunes nothing");
        TestAudit::on(&app.database, "70d").while_writing(async |_, _| {
            eventually(async || rows(&app.database).await.len() == 2).await;
        }).await;
    }

    async fn erased_user_is_pseudonymized_past_and_future(app: App) {
        let acting = alice().with("impersonatedBy", "user-ada");
        app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await;
        app.by_jwt(&acting).ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await;
        flush_audit(&app).await;
        let before = rows(&app.database).await.len();

        let pseudonym = TestAudit::on(&app.database, "off").while_writing(async |audit, metrics| {
            let sink = audit.sink(LOCALHOST);
            // After the second write, the writer's startup work is done.
            for written in 1..=2 {
                sink(vec![entry(Some("user-alice"), "Query.before")]);
                eventually(async || counted(metrics, "written") == written).await;
            }
            sink(vec![AuditEntry { row_id: Some(row_of_user("user-alice")), ..entry(Some("user-alice"), "Query.waits") }]);
            let pseudonym = erase(&app, "user-alice").await;
            // From another node, which has not received the erasure yet.
            let late_entry = Model { caller_id: Some("user-alice".to_owned()), ..row(TimeDelta::zero()) };
            app.database.system("tests act as another node").insert_audit_events(vec![late_entry]).await.unwrap();
            audit.erased("user-alice", &pseudonym);
            eventually(async || {
                let kept = rows(&app.database).await;
                kept.len() == before + 4 && !format!("{kept:?}").contains("user-alice")
            }).await;
            // A token of Alice is still valid.
            sink(vec![entry(Some("user-alice"), "Query.again")]);
            eventually(async || counted(metrics, "written") == 4).await;
            pseudonym
        }).await;
        // After a restart.
        TestAudit::on(&app.database, "off").while_writing(async |audit, _| {
            audit.sink(LOCALHOST)(vec![entry(Some("user-alice"), "Query.restarted")]);
            eventually(async || {
                let kept = rows(&app.database).await;
                kept.len() == before + 6 && !format!("{kept:?}").contains("user-alice")
            }).await;
        }).await;
        assert!(pseudonym.starts_with("erased-"));
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), before + 6, "the audit is kept");
        assert!(!format!("{kept:?}").contains("user-alice"));
        let renamed = kept.iter().filter(|event| event.caller_id.as_ref() == Some(&pseudonym)).count();
        assert_eq!(renamed, kept.len(), "one name throughout");
        assert!(kept.iter().any(|event| event.impersonated_by.as_deref() == Some("user-ada")));
        let pseudonym = erase(&app, "user-ada").await;
        assert!(rows(&app.database).await.iter().any(|event| event.impersonated_by.as_ref() == Some(&pseudonym)));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests act as the mutation here")]
async fn erase(app: &App, user: &str) -> String {
    let together = app.scope_of(&ada()).begin().await.unwrap();
    let pseudonym = together.pseudonymize(user, Privilege::proved()).await.unwrap();
    together.commit().await.unwrap();
    pseudonym
}

#[tokio::test]
async fn batch_is_retried_until_the_database_returns() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/one.db?mode=rwc", files.path().display());
    let config = crate::support::app::config(&["--database-url", &url]);
    hallpass::app::migrate(crate::support::app::application(), &config).await.unwrap();
    let one = Options::at(url);
    let database = Database::connect(one).await.unwrap();
    let system = database.system("tests hold the one connection");
    let held = system.connection().begin().await.unwrap();
    TestAudit::on(&database, "off")
        .while_writing(async |audit, metrics| {
            (audit.sink(LOCALHOST))(vec![entry(Some("user-alice"), "Query.waits")]);
            // Connections are acquired in order: the writer fails first, then this test.
            for _ in 0..2 {
                database.ping().await.unwrap_err();
            }
            assert_eq!(counted(metrics, "written") + counted(metrics, "dropped"), 0);
            held.rollback().await.unwrap();
            eventually(async || counted(metrics, "written") == 1).await;
        })
        .await;
}

#[tokio::test]
async fn unwritable_entries_are_counted_at_shutdown() {
    let app = App::start(Backend::Sqlite).await;
    let system = app.database.system("tests break the database");
    system.connection().execute_unprepared("DROP TABLE audit_event").await.unwrap();
    let test_audit = TestAudit::on(&app.database, "off");
    test_audit.record((0..1200).map(|_| entry(Some("user-alice"), "Mutation.lost")).collect());
    let finished = test_audit.finish().await;
    assert_eq!(
        (counted(&finished.metrics, "written"), counted(&finished.metrics, "dropped")),
        (0, 1200)
    );
    let reasons = (dropped(&finished.metrics, "database"), dropped(&finished.metrics, "stopped"));
    assert_eq!(reasons, (500, 700), "one batch is tried");
    let answer = app
        .by_jwt(&alice())
        .data("mutation { createTask(input: {title: \"x\"}) { task { id } } }")
        .await;
    assert!(answer["createTask"]["task"]["id"].is_string(), "requests do not depend on it");
}

#[tokio::test]
async fn server_prunes_and_exposes_audit_metrics() {
    let app = App::with(Backend::Sqlite, &["--audit-retention", "1h"]).await;
    let answer =
        app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") { deletedTaskId } }").await;
    event_of(&app, &answer).await;
    let metrics = async || {
        let metrics = app.anonymous().request(reqwest::Method::GET, "/metrics").send().await;
        metrics.unwrap().text().await.unwrap()
    };
    // An event is counted after it is written.
    let written = "hallpass_audit_events_total{outcome=\"written\"} 1\n";
    eventually(async || metrics().await.contains(written)).await;
    let metrics = metrics().await;
    assert!(metrics.contains("hallpass_audit_events_total{outcome=\"dropped\"} 0"));
    assert!(metrics.contains("hallpass_audit_queue_length "));
}

#[test]
fn zero_retention_is_rejected() {
    for wrong in ["0", "0s", "", "90", "never"] {
        assert!(wrong.parse::<hallpass::config::Retention>().is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steady_writes_do_not_starve_other_writer_work() {
    let app = App::start(Backend::Sqlite).await;
    TestAudit::on(&app.database, "off")
        .while_writing(async |audit, metrics| {
            let sink = audit.sink(LOCALHOST);
            let steady = async {
                loop {
                    sink(vec![entry(Some("user-alice"), "Query.steady")]);
                    tokio::task::yield_now().await;
                }
            };
            let failure = async {
                eventually(async || counted(metrics, "written") > 0).await;
                audit.failed("request", "authentication", "signature", "UNAUTHENTICATED");
                let failures = Entity::find().filter(Column::Field.eq("authentication"));
                let system = app.database.system("tests read the audit");
                let failure_row = async || failures.clone().one(system.connection()).await.unwrap();
                eventually(async || failure_row().await.is_some()).await;
            };
            tokio::select! {
                () = steady => {}
                () = failure => {}
            }
        })
        .await;
}
