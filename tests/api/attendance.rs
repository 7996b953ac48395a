//! Who was here is written down, beside the requests.

use std::time::{Duration, Instant};

use hallpass::app::{self, Listeners};
use hallpass_data::{Database, known_user, seen_session};
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, TransactionTrait as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Backend, client, config};
use crate::auth_server::AuthServer;
use crate::issuer::Issuer;
use crate::on_both_databases;
use crate::people::{alice, bob, user};
use crate::postgres;

/// Everybody who was here.
pub async fn users(database: &Database) -> Vec<known_user::Model> {
    let system = database.system("tests read who was here");
    known_user::Entity::find().all(system.connection()).await.unwrap()
}

async fn sessions(database: &Database) -> Vec<seen_session::Model> {
    let system = database.system("tests read who was here");
    seen_session::Entity::find().all(system.connection()).await.unwrap()
}

/// How many notes have this outcome, as `/metrics` says.
async fn notes(app: &App, outcome: &str) -> u64 {
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let name = format!("hallpass_last_seen_writes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Waits until so many notes have this outcome.
pub async fn noted(app: &App, outcome: &str, least: u64) {
    let began = Instant::now();
    while notes(app, outcome).await < least {
        assert!(began.elapsed() < Duration::from_secs(10), "fewer than {least} are {outcome}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const WHO: &str = "{ viewer { id } }";

on_both_databases! {
    async fn a_user_is_known_from_the_first_request_on_and_nobody_else_is(app: App) {
        app.anonymous().data(WHO).await;
        assert_eq!(app.by_bearer("not.a.token").ask(WHO).await.status, 401);
        let odd = bob().tier("premium").with("name", "B\0b").with("email", "x".repeat(1000));
        app.by_jwt(&alice()).data(WHO).await;
        app.by_jwt(&odd).data(WHO).await;
        noted(&app, "written", 2).await;
        let mut known = users(&app.database).await;
        known.sort_by_key(|user| user.first_seen);
        let [hers, his] = known.as_slice() else { panic!("{known:?}") };
        assert_eq!(hers.user_id.as_str(), alice().id());
        assert_eq!(hers.email.as_deref(), Some("alice@example.test"));
        assert_eq!((hers.name.as_deref(), hers.tier.as_str()), (Some("alice"), "free"));
        assert_eq!(hers.first_seen, hers.last_seen);
        assert_eq!((his.name.as_deref(), his.tier.as_str()), (Some("Bb"), "premium"));
        assert_eq!(his.email.as_ref().unwrap().len(), 320);
        assert_eq!(sessions(&app.database).await, []);
    }

    async fn a_user_and_a_session_are_noted_once_a_minute_whatever_they_ask(app: App) {
        let (first, second) = (alice().with("sid", "session-1"), alice().with("sid", "session-2"));
        let (first, second) = (app.by_jwt(&first), app.by_jwt(&second));
        for _ in 0..5 {
            tokio::join!(first.data(WHO), second.data(WHO), first.data(WHO));
        }
        app.by_jwt(&bob()).data(WHO).await;
        noted(&app, "written", 4).await;
        assert_eq!(notes(&app, "written").await, 4, "two users and two sessions");
        assert_eq!(notes(&app, "dropped").await, 0);
        let mut whose = sessions(&app.database).await.into_iter().map(|session| session.user_id);
        assert!(whose.all(|user| user.as_str() == alice().id()));
        assert_eq!(users(&app.database).await.len(), 2);
    }

    async fn what_is_kept_of_a_session_is_not_its_id(app: App) {
        app.by_jwt(&alice().with("sid", "session-1")).data(WHO).await;
        noted(&app, "written", 2).await;
        let kept = sessions(&app.database).await;
        assert_eq!(kept.len(), 1);
        assert!(!kept[0].id.contains("session") && kept[0].id.len() == 43, "{kept:?}");
    }
}

async fn what_is_known_follows(url: &str) {
    let (issuer, there) = (Issuer::shared().url(), || tempfile::tempdir().unwrap());
    let flags = ["--better-auth-url", issuer];
    let before = App::on(url, there(), &flags).await;
    before.by_jwt(&alice().with("sid", "s")).data(WHO).await;
    noted(&before, "written", 2).await;
    let first = users(&before.database).await.pop().unwrap();
    let after = App::on(url, there(), &flags).await;
    let changed = alice().tier("premium").with("name", "Alice").with("sid", "s");
    after.by_jwt(&changed).data(WHO).await;
    noted(&after, "written", 2).await;
    let again = users(&after.database).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].tier.as_str(), again[0].name.as_deref()), ("premium", Some("Alice")));
    assert_eq!((again[0].id, again[0].first_seen), (first.id, first.first_seen));
    assert!(again[0].last_seen > first.last_seen);
    assert_eq!(sessions(&after.database).await.len(), 1);
    let terse = App::on(url, there(), &flags).await;
    let silent =
        ["tier", "name", "email"].iter().fold(alice(), |it, claim| it.with(claim, json!(null)));
    terse.by_jwt(&silent).data(WHO).await;
    noted(&terse, "written", 1).await;
    let still = users(&terse.database).await.pop().unwrap();
    assert_eq!((still.tier.as_str(), still.name.as_deref()), ("premium", Some("Alice")));
    assert_eq!(still.email.as_deref(), Some("alice@example.test"));
    assert!(still.last_seen > again[0].last_seen, "what a credential does not say stays known");
}

#[tokio::test]
async fn what_is_known_is_what_the_last_credential_said_and_the_first_visit_stays() {
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/shared.db?mode=rwc", files.path().display());
    what_is_known_follows(&sqlite).await;
    what_is_known_follows(&postgres::database()).await;
}

#[tokio::test]
async fn who_cannot_be_written_down_is_served_all_the_same_and_counted() {
    let app = App::start(Backend::Sqlite).await;
    let refusal = "CREATE TRIGGER refusal BEFORE INSERT ON known_user
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    let system = app.database.system("tests make a table refuse");
    system.connection().execute_unprepared(refusal).await.unwrap();
    assert_eq!(app.by_jwt(&alice()).data(WHO).await["viewer"]["id"], alice().id());
    noted(&app, "dropped", 1).await;
    system.connection().execute_unprepared("DROP TRIGGER refusal").await.unwrap();
    app.by_jwt(&bob()).data(WHO).await;
    noted(&app, "written", 1).await;
    assert_eq!(users(&app.database).await.len(), 1, "the next is written");
}

#[tokio::test]
async fn an_administrator_who_acts_as_somebody_is_not_them() {
    let server = AuthServer::shared();
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &server.url]).await;
    let admin = server.sign_up("Ada", json!({})).await;
    let other = server.sign_up("Otto", json!({})).await;
    let acting = server.impersonate(&admin, &other).await;
    let seen = app.by_cookie(&acting).data("{ me { id impersonatedBy } }").await;
    assert_eq!(seen["me"], json!({"id": other.id, "impersonatedBy": admin.id}));
    app.by_cookie(&admin.cookie).data(WHO).await;
    noted(&app, "written", 2).await;
    let known = users(&app.database).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].user_id.as_str(), admin.id);
    assert_eq!(sessions(&app.database).await.len(), 1);
}

#[tokio::test]
async fn who_came_last_is_written_down_before_the_server_ends() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let config = config(&["--better-auth-url", Issuer::shared().url(), "--database-url", &url]);
    app::migrate(&config).await.unwrap();
    let database = app::open(&config, |_| {}).await.unwrap();
    let server = app::App::build(&config, database).await.unwrap();
    let main = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = main.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(Listeners { main, metrics: None }, stop.clone()));
    // Nobody else can write while this lasts, so that the notes wait.
    let other = app::open(&config, |_| {}).await.unwrap();
    let writing =
        other.system("tests keep others from writing").connection().begin().await.unwrap();
    writing.execute_unprepared("DELETE FROM task").await.unwrap();
    let client = client();
    let asking = (0..300).map(|number| {
        let token = Issuer::shared().token(&user(&format!("n{number}")).claims());
        let request = client.post(format!("http://{address}/graphql")).bearer_auth(token);
        request.json(&json!({ "query": WHO })).send()
    });
    futures_util::future::try_join_all(asking).await.unwrap();
    stop.cancel();
    assert_eq!(users(&other).await, []);
    writing.commit().await.unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(users(&other).await.len(), 300);
}
