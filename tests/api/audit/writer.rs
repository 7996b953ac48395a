//! The audit on its way to the database: what waits, what is dropped, what is forgotten and renamed.

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

use super::{ada, event_of, settled};
use crate::app::{App, Backend};
use crate::on_both_databases;
use crate::people::alice;

/// As many as wait at once.
const WAITING: usize = 8192;
/// As many as one caller's share holds.
const SHARE: usize = 2048;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An audit of a test's own, beside the server's.
struct Desk {
    audit: Arc<Audit>,
    writer: Writer,
    metrics: Registry,
}

impl Desk {
    fn on(database: &Database, retention: &str) -> Self {
        let mut metrics = Registry::default();
        let (audit, writer) =
            audit::open(database.clone(), retention.parse().unwrap(), &mut metrics);
        Self { audit, writer, metrics }
    }

    fn leaves(&self, entries: Vec<AuditEntry>) {
        (self.audit.ledger(HERE))(entries);
    }

    /// Writes what waits, and ends.
    async fn ends(self) -> Ended {
        let stop = CancellationToken::new();
        stop.cancel();
        self.writer.run_until(stop).await;
        Ended { audit: self.audit, metrics: self.metrics }
    }

    /// Writes while `work` goes on.
    async fn during<T>(self, work: impl AsyncFnOnce(&Arc<Audit>, &Registry) -> T) -> T {
        let stop = CancellationToken::new();
        let writing = tokio::spawn(self.writer.run_until(stop.clone()));
        let done = work(&self.audit, &self.metrics).await;
        stop.cancel();
        writing.await.unwrap();
        done
    }
}

struct Ended {
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

async fn until(condition: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(30), "it did not come to be");
        tokio::task::yield_now().await;
    }
}

on_both_databases! {
    async fn flooding_callers_crowd_out_nobody(app: App) {
        let desk = Desk::on(&app.database, "off");
        let began = Instant::now();
        // Many callers who flood, with refusals that say the same and with lines that all differ.
        for caller in 0..20 {
            let id = format!("user-{caller}");
            desk.leaves((0..1000).map(|_| failed(Some(&id), "Query.refused")).collect());
            desk.leaves((0..3000).map(|line| entry(Some(&id), &format!("Mutation.m{line}"))).collect());
            desk.leaves((0..3000).map(|line| entry(Some(&id), &format!("Query.q{line}"))).collect());
            desk.leaves((0..1000).map(|line| failed(None, &format!("Query.n{line}"))).collect());
        }
        desk.leaves(vec![entry(Some("user-alice"), "Mutation.hers")]);
        desk.leaves(vec![entry(Some("user-ada"), "Query.privileged")]);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let (lost, full) = (counted(&desk.metrics, "dropped"), dropped(&desk.metrics, "full"));
        assert_eq!(lost, full + dropped(&desk.metrics, "share"));
        assert!(full > 0 && dropped(&desk.metrics, "share") > 0);
        let merged = counted(&desk.metrics, "merged");
        let ended = desk.ends().await;
        let kept = rows(&app.database).await;
        assert!(kept.len() <= WAITING + SHARE, "{}", kept.len());
        assert_eq!(kept.len() + lost + merged, 20 * 8000 + 2, "each line is accounted for");
        for (caller, field) in [("user-alice", "Mutation.hers"), ("user-ada", "Query.privileged")] {
            let found = kept.iter().find(|event| event.caller_id.as_deref() == Some(caller));
            assert_eq!(found.map(|event| event.field.as_str()), Some(field));
        }
        let refused = kept.iter().filter(|event| event.caller_id.as_deref() == Some("user-0"));
        let refused = refused.filter(|event| event.field == "Query.refused").collect::<Vec<_>>();
        assert_eq!(refused.iter().map(|event| event.times).sum::<i32>(), 1000, "merged, not lost");
        assert_eq!(refused.len(), 128);
        (ended.audit.ledger(HERE))(vec![entry(Some("user-alice"), "Query.late")]);
        assert_eq!(dropped(&ended.metrics, "stopped"), 1, "nobody writes any more");
    }

    async fn privileged_read_finds_room_in_a_full_queue(app: App) {
        let desk = Desk::on(&app.database, "off");
        for caller in 0..WAITING / 32 {
            let id = format!("user-{caller}");
            desk.leaves((0..32).map(|_| entry(Some(&id), "Mutation.m")).collect());
        }
        desk.leaves(vec![entry(Some("user-late"), "Mutation.late")]);
        desk.leaves(vec![entry(Some("user-ada"), "Query.privileged")]);
        assert_eq!(dropped(&desk.metrics, "full"), 1);
        desk.ends().await;
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), WAITING + 1);
        assert!(kept.iter().any(|event| event.field == "Query.privileged"));
    }

    async fn shares_are_written_in_turn(app: App) {
        let desk = Desk::on(&app.database, "off");
        desk.leaves((0..SHARE).map(|_| entry(Some("user-mallory"), "Mutation.first")).collect());
        desk.leaves(vec![entry(Some("user-alice"), "Mutation.second")]);
        desk.leaves((0..600).map(|_| failed(None, "Query.third")).collect());
        desk.ends().await;
        let kept = rows(&app.database).await;
        let place = |field: &str| kept.iter().position(|event| event.field == field).unwrap();
        assert!(place("Mutation.second") < 500, "within the first batch");
        assert!(place("Query.third") < 500);
    }

    async fn a_flood_of_bad_credentials_is_a_few_rows_that_count_them_all(app: App) {
        let desk = Desk::on(&app.database, "off");
        for number in 0..1000 {
            desk.audit.failed(&format!("request-{number}"), "authentication", "signature", "UNAUTHENTICATED");
        }
        desk.audit.failed("another", "authentication", "times", "UNAUTHENTICATED");
        let ended = desk.ends().await;
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), 11, "the first ten, and the other check");
        assert_eq!(kept.iter().map(|event| event.times).sum::<i32>(), 1001);
        assert_eq!(kept.last().unwrap().rule, "times");
        assert_eq!(counted(&ended.metrics, "dropped"), 0);
    }

    async fn what_no_database_can_keep_of_a_name_does_not_spoil_the_batch(app: App) {
        let desk = Desk::on(&app.database, "off");
        let long = "ü".repeat(5000);
        desk.leaves(vec![entry(Some("nul\0nul"), "Query.a"), entry(Some(&long), "Query.b")]);
        let ended = desk.ends().await;
        assert_eq!(counted(&ended.metrics, "written"), 2);
        let kept = rows(&app.database).await;
        assert_eq!(kept[0].caller_id.as_deref(), Some("nulnul"));
        assert_eq!(kept[1].caller_id.as_ref().unwrap().chars().count(), 320);
    }

    async fn what_is_older_than_the_retention_is_forgotten_however_much_it_is(app: App) {
        let system = app.database.system("tests write what is old");
        for _ in 0..5 {
            let old = (0..500).map(|_| row(TimeDelta::days(80))).collect();
            system.insert_audit_events(old).await.unwrap();
        }
        system.insert_audit_events(vec![row(TimeDelta::days(60))]).await.unwrap();
        let kept_for_ever = Desk::on(&app.database, "off");
        kept_for_ever.during(async |audit, metrics| {
            audit.failed("request", "authentication", "times", "UNAUTHENTICATED");
            until(async || counted(metrics, "written") == 1).await;
        }).await;
        assert_eq!(rows(&app.database).await.len(), 2502, "`off` forgets nothing");
        Desk::on(&app.database, "70d").during(async |_, _| {
            until(async || rows(&app.database).await.len() == 2).await;
        }).await;
    }

    async fn an_erased_user_has_another_name_in_what_was_and_in_what_is_to_come(app: App) {
        let acting = alice().with("impersonatedBy", "user-ada");
        app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") }").await;
        app.by_jwt(&acting).ask("mutation { deleteTask(id: \"none\") }").await;
        settled(&app).await;
        let before = rows(&app.database).await.len();

        let pseudonym = Desk::on(&app.database, "off").during(async |audit, metrics| {
            let ledger = audit.ledger(HERE);
            // Once twice is written, what a writer does when it starts is done.
            for written in 1..=2 {
                ledger(vec![entry(Some("user-alice"), "Query.before")]);
                until(async || counted(metrics, "written") == written).await;
            }
            ledger(vec![AuditEntry { row_id: Some(row_of_user("user-alice")), ..entry(Some("user-alice"), "Query.waits") }]);
            let pseudonym = erase(&app, "user-alice").await;
            // From another node, which has not heard.
            let unheard = Model { caller_id: Some("user-alice".to_owned()), ..row(TimeDelta::zero()) };
            app.database.system("tests stand in for a node").insert_audit_events(vec![unheard]).await.unwrap();
            audit.erased("user-alice", &pseudonym);
            until(async || {
                let kept = rows(&app.database).await;
                kept.len() == before + 4 && !format!("{kept:?}").contains("user-alice")
            }).await;
            // A token of hers lives on.
            ledger(vec![entry(Some("user-alice"), "Query.again")]);
            until(async || counted(metrics, "written") == 4).await;
            pseudonym
        }).await;
        assert!(pseudonym.starts_with("erased-"));
        let kept = rows(&app.database).await;
        assert_eq!(kept.len(), before + 5, "the audit is kept");
        assert!(!format!("{kept:?}").contains("user-alice"));
        let renamed = kept.iter().filter(|event| event.caller_id.as_ref() == Some(&pseudonym)).count();
        assert_eq!(renamed, kept.len(), "one name throughout");
        assert!(kept.iter().any(|event| event.impersonated_by.as_deref() == Some("user-ada")));
        let pseudonym = erase(&app, "user-ada").await;
        assert!(rows(&app.database).await.iter().any(|event| event.impersonated_by.as_ref() == Some(&pseudonym)));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests stand in for the mutation here")]
async fn erase(app: &App, user: &str) -> String {
    let together = app.scope_of(&ada()).begin().await.unwrap();
    let pseudonym = together.pseudonymize(user, Privilege::proved()).await.unwrap();
    together.commit().await.unwrap();
    pseudonym
}

#[tokio::test]
async fn a_batch_waits_while_the_database_is_away_and_is_written_when_it_is_back() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/one.db?mode=rwc", files.path().display());
    let config = crate::app::config(&["--database-url", &url]);
    hallpass::app::migrate(&config).await.unwrap();
    let one = Options::at(url);
    let database = Database::connect(one).await.unwrap();
    let system = database.system("tests hold the one connection");
    let held = system.connection().begin().await.unwrap();
    Desk::on(&database, "off")
        .during(async |audit, metrics| {
            (audit.ledger(HERE))(vec![entry(Some("user-alice"), "Query.waits")]);
            // Whoever asked first was refused first: the writer, then we.
            for _ in 0..2 {
                database.ping().await.unwrap_err();
            }
            assert_eq!(counted(metrics, "written") + counted(metrics, "dropped"), 0);
            held.rollback().await.unwrap();
            until(async || counted(metrics, "written") == 1).await;
        })
        .await;
}

#[tokio::test]
async fn what_cannot_be_written_is_counted_and_the_server_stops_all_the_same() {
    let app = App::start(Backend::Sqlite).await;
    let system = app.database.system("tests break the database");
    system.connection().execute_unprepared("DROP TABLE audit_event").await.unwrap();
    let desk = Desk::on(&app.database, "off");
    desk.leaves((0..1200).map(|_| entry(Some("user-alice"), "Mutation.lost")).collect());
    let ended = desk.ends().await;
    assert_eq!((counted(&ended.metrics, "written"), counted(&ended.metrics, "dropped")), (0, 1200));
    let reasons = (dropped(&ended.metrics, "database"), dropped(&ended.metrics, "stopped"));
    assert_eq!(reasons, (500, 700), "one batch is tried");
    let answer =
        app.by_jwt(&alice()).data("mutation { createTask(input: {title: \"x\"}) { id } }").await;
    assert!(answer["createTask"]["id"].is_string(), "requests do not depend on it");
}

#[tokio::test]
async fn the_server_itself_forgets_and_counts() {
    let app = App::with(Backend::Sqlite, &["--audit-retention", "1h"]).await;
    let answer = app.by_jwt(&alice()).ask("mutation { deleteTask(id: \"none\") }").await;
    event_of(&app, &answer).await;
    let metrics = app.anonymous().request(reqwest::Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("hallpass_audit_events_total{outcome=\"written\"} 1"), "{metrics}");
    assert!(metrics.contains("hallpass_audit_events_total{outcome=\"dropped\"} 0"));
    assert!(metrics.contains("hallpass_audit_queue_length "));
}

#[test]
fn a_retention_of_nothing_is_no_retention() {
    for wrong in ["0", "0s", "", "90", "never"] {
        assert!(wrong.parse::<hallpass::config::Retention>().is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_much_comes_the_rest_of_the_work_gets_its_turn() {
    let app = App::start(Backend::Sqlite).await;
    Desk::on(&app.database, "off")
        .during(async |audit, metrics| {
            let ledger = audit.ledger(HERE);
            let steady = async {
                loop {
                    ledger(vec![entry(Some("user-alice"), "Query.steady")]);
                    tokio::task::yield_now().await;
                }
            };
            let failure = async {
                until(async || counted(metrics, "written") > 0).await;
                audit.failed("request", "authentication", "signature", "UNAUTHENTICATED");
                let failures = Entity::find().filter(Column::Field.eq("authentication"));
                let system = app.database.system("tests read the audit");
                let noted = async || failures.clone().one(system.connection()).await.unwrap();
                until(async || noted().await.is_some()).await;
            };
            tokio::select! {
                () = steady => {}
                () = failure => {}
            }
        })
        .await;
}
