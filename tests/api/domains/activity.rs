//! Activity is recorded beside the requests.

use std::time::{Duration, Instant};

use hallpass::app::{self, Listeners};
use hallpass_data::{Database, known_user, seen_session};
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, TransactionTrait as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::on_both_databases;
use crate::support::app::{App, Backend, client, config};
use crate::support::auth_server::AuthServer;
use crate::support::callers::{alice, bob, user};
use crate::support::issuer::Issuer;
use crate::support::postgres;

/// Every known user.
pub async fn users(database: &Database) -> Vec<known_user::Model> {
    let system = database.system("tests read activity");
    known_user::Entity::find().all(system.connection()).await.unwrap()
}

async fn sessions(database: &Database) -> Vec<seen_session::Model> {
    let system = database.system("tests read activity");
    seen_session::Entity::find().all(system.connection()).await.unwrap()
}

/// The number of activity writes with this outcome, from `/metrics`.
async fn activity_count(app: &App, outcome: &str) -> u64 {
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let name = format!("hallpass_last_seen_writes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Waits until this number of activity writes has this outcome.
pub async fn wait_for_activity(app: &App, outcome: &str, min_count: u64) {
    let began = Instant::now();
    while activity_count(app, outcome).await < min_count {
        assert!(began.elapsed() < Duration::from_secs(10), "fewer than {min_count} are {outcome}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const VIEWER: &str = "{ viewer { id } }";

on_both_databases! {
    async fn first_request_records_user(app: App) {
        app.anonymous().data(VIEWER).await;
        assert_eq!(app.by_bearer("not.a.token").ask(VIEWER).await.status, 401);
        let odd = bob().tier("premium").with("name", "B\0b").with("email", "x".repeat(1000));
        app.by_jwt(&alice()).data(VIEWER).await;
        app.by_jwt(&odd).data(VIEWER).await;
        wait_for_activity(&app, "written", 2).await;
        let mut known = users(&app.database).await;
        known.sort_by_key(|user| user.first_seen);
        let [alices, bobs] = known.as_slice() else { panic!("{known:?}") };
        assert_eq!(alices.user_id.as_str(), alice().id());
        assert_eq!(alices.email.as_deref(), Some("alice@example.test"));
        assert_eq!((alices.name.as_deref(), alices.tier.as_str()), (Some("alice"), "free"));
        assert_eq!(alices.first_seen, alices.last_seen);
        assert_eq!((bobs.name.as_deref(), bobs.tier.as_str()), (Some("Bb"), "premium"));
        assert_eq!(bobs.email.as_ref().unwrap().len(), 320);
        assert_eq!(sessions(&app.database).await, []);
    }

    async fn activity_is_recorded_once_per_minute(app: App) {
        let (first, second) = (alice().with("sid", "session-1"), alice().with("sid", "session-2"));
        let (first, second) = (app.by_jwt(&first), app.by_jwt(&second));
        for _ in 0..5 {
            tokio::join!(first.data(VIEWER), second.data(VIEWER), first.data(VIEWER));
        }
        app.by_jwt(&bob()).data(VIEWER).await;
        wait_for_activity(&app, "written", 4).await;
        assert_eq!(activity_count(&app, "written").await, 4, "two users and two sessions");
        assert_eq!(activity_count(&app, "dropped").await, 0);
        let mut user_ids = sessions(&app.database).await.into_iter().map(|session| session.user_id);
        assert!(user_ids.all(|user| user.as_str() == alice().id()));
        assert_eq!(users(&app.database).await.len(), 2);
    }

    async fn session_ids_are_stored_hashed(app: App) {
        app.by_jwt(&alice().with("sid", "session-1")).data(VIEWER).await;
        wait_for_activity(&app, "written", 2).await;
        let kept = sessions(&app.database).await;
        assert_eq!(kept.len(), 1);
        assert!(!kept[0].id.contains("session") && kept[0].id.len() == 43, "{kept:?}");
    }
}

async fn last_credential_wins(url: &str) {
    let (issuer, there) = (Issuer::shared().url(), || tempfile::tempdir().unwrap());
    let flags = ["--better-auth-url", issuer];
    let before = App::on(url, there(), &flags).await;
    before.by_jwt(&alice().with("sid", "s")).data(VIEWER).await;
    wait_for_activity(&before, "written", 2).await;
    let first = users(&before.database).await.pop().unwrap();
    let after = App::on(url, there(), &flags).await;
    let changed = alice().tier("premium").with("name", "Alice").with("sid", "s");
    after.by_jwt(&changed).data(VIEWER).await;
    wait_for_activity(&after, "written", 2).await;
    let again = users(&after.database).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].tier.as_str(), again[0].name.as_deref()), ("premium", Some("Alice")));
    assert_eq!((again[0].id, again[0].first_seen), (first.id, first.first_seen));
    assert!(again[0].last_seen > first.last_seen);
    assert_eq!(sessions(&after.database).await.len(), 1);
    let terse = App::on(url, there(), &flags).await;
    let silent =
        ["tier", "name", "email"].iter().fold(alice(), |it, claim| it.with(claim, json!(null)));
    terse.by_jwt(&silent).data(VIEWER).await;
    wait_for_activity(&terse, "written", 1).await;
    let still = users(&terse.database).await.pop().unwrap();
    assert_eq!((still.tier.as_str(), still.name.as_deref()), ("premium", Some("Alice")));
    assert_eq!(still.email.as_deref(), Some("alice@example.test"));
    assert!(still.last_seen > again[0].last_seen, "omitted claims keep their values");
}

#[tokio::test]
async fn last_credential_wins_first_seen_is_kept() {
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/shared.db?mode=rwc", files.path().display());
    last_credential_wins(&sqlite).await;
    last_credential_wins(&postgres::database()).await;
}

#[tokio::test]
async fn failed_write_does_not_fail_the_request() {
    let app = App::start(Backend::Sqlite).await;
    let rejection = "CREATE TRIGGER rejection BEFORE INSERT ON known_user
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    let system = app.database.system("tests make a table fail");
    system.connection().execute_unprepared(rejection).await.unwrap();
    assert_eq!(app.by_jwt(&alice()).data(VIEWER).await["viewer"]["id"], alice().id());
    wait_for_activity(&app, "dropped", 1).await;
    system.connection().execute_unprepared("DROP TRIGGER rejection").await.unwrap();
    app.by_jwt(&bob()).data(VIEWER).await;
    wait_for_activity(&app, "written", 1).await;
    assert_eq!(users(&app.database).await.len(), 1, "the next is written");
}

#[tokio::test]
async fn impersonation_does_not_update_last_seen() {
    let server = AuthServer::shared();
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &server.url]).await;
    let admin = server.sign_up("Ada", json!({})).await;
    let other = server.sign_up("Otto", json!({})).await;
    let acting = server.impersonate(&admin, &other).await;
    let seen = app.by_cookie(&acting).data("{ me { id impersonatedBy } }").await;
    assert_eq!(seen["me"], json!({"id": other.id, "impersonatedBy": admin.id}));
    app.by_cookie(&admin.cookie).data(VIEWER).await;
    wait_for_activity(&app, "written", 2).await;
    let known = users(&app.database).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].user_id.as_str(), admin.id);
    assert_eq!(sessions(&app.database).await.len(), 1);
}

#[tokio::test]
async fn shutdown_flushes_activity() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let config = config(&["--better-auth-url", Issuer::shared().url(), "--database-url", &url]);
    app::migrate(crate::support::app::application(), &config).await.unwrap();
    let database = app::open(crate::support::app::application(), &config, |_| {}).await.unwrap();
    let server =
        app::App::build(crate::support::app::application(), &config, database).await.unwrap();
    let main = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = main.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving =
        tokio::spawn(server.serve(Listeners { main: main.into(), metrics: None }, stop.clone()));
    // No other connection can write during this transaction, so that activity is queued.
    let other = app::open(crate::support::app::application(), &config, |_| {}).await.unwrap();
    let writing =
        other.system("tests keep others from writing").connection().begin().await.unwrap();
    writing.execute_unprepared("DELETE FROM task").await.unwrap();
    let client = client();
    let requests = (0..300).map(|number| {
        let token = Issuer::shared().token(&user(&format!("n{number}")).claims());
        let request = client.post(format!("http://{address}/graphql")).bearer_auth(token);
        request.json(&json!({ "query": VIEWER })).send()
    });
    futures_util::future::try_join_all(requests).await.unwrap();
    stop.cancel();
    assert_eq!(users(&other).await, []);
    writing.commit().await.unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(users(&other).await.len(), 300);
}
