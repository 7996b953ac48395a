//! What the auth server takes back: at once where it says so, else within the bound.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_data::{now, revocation};
use reqwest::{Method, Response};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use crate::app::{App, Backend, Client, client};
use crate::auth_server::AuthServer;
use crate::issuer::{Issuer, serve};
use crate::people::{alice, bob};
use crate::{postgres, redis};

pub const SECRET: &str = "a secret that the hook and the server share";
pub const WHO: &str = "{ viewer { id roles } }";

/// Passes on what the auth server's hook sends: the hook is told where before there is a server.
#[derive(Clone, Default)]
struct Relay {
    target: Arc<Mutex<Option<String>>>,
}

impl Relay {
    fn start(&self) -> String {
        let router = Router::new().route("/revocations", post(pass_on));
        serve(router.route("/identities/link", post(pass_on)).with_state(self.clone()))
    }

    fn aim_at(&self, app: &App) {
        *self.target.lock().unwrap() = Some(app.url.clone());
    }
}

async fn pass_on(
    State(relay): State<Relay>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> axum::http::StatusCode {
    let target = relay.target.lock().unwrap().clone().unwrap();
    let mut request = client().post(format!("{target}{}", uri.path())).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("webhook-")) {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status()
}

/// A server that believes a session for five minutes, and the auth server whose hook tells it.
pub async fn pushed_to(backend: Backend) -> (AuthServer, App) {
    pushed_by(backend, json!({}), &[]).await
}

/// The same, with more settings of the auth server and more flags.
pub async fn pushed_by(backend: Backend, mut more: Value, flags: &[&str]) -> (AuthServer, App) {
    let relay = Relay::default();
    more["revocations"] =
        json!({ "url": format!("{}/revocations", relay.start()), "secret": SECRET });
    let server = AuthServer::start(&more);
    let own = ["--better-auth-url", &server.url, "--revocation-secret", SECRET];
    let flags = [&own[..], &["--session-cache-ttl", "5m"], flags].concat();
    let flags: Vec<_> = flags.iter().map(|flag| flag.replace("{url}", &server.url)).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let app = App::configured(backend, &flags).await;
    relay.aim_at(&app);
    (server, app)
}

/// A message that says this, signed now.
pub struct Push {
    id: String,
    at: i64,
    body: String,
    secret: String,
}

impl Push {
    pub fn of(kind: &str, data: Value) -> Self {
        Self {
            id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            at: now().timestamp(),
            body: json!({ "type": kind, "data": data }).to_string(),
            secret: SECRET.to_owned(),
        }
    }

    pub fn user(id: &str) -> Self {
        Self::of("user.changed", json!({ "userId": id }))
    }

    /// The same, signed with another secret.
    pub fn by(self, secret: &str) -> Self {
        Self { secret: secret.to_owned(), ..self }
    }

    /// The same at this second.
    pub fn sent_at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    fn signature(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let message = format!("{}.{}.{}", self.id, self.at, self.body);
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, message.as_bytes())))
    }

    pub async fn to(&self, app: &App) -> u16 {
        self.signed(app, &self.signature()).await.status().as_u16()
    }

    /// Sends it to another endpoint.
    pub async fn to_path(&self, app: &App, path: &str) -> u16 {
        self.posted(app, path, &self.signature()).await.status().as_u16()
    }

    async fn signed(&self, app: &App, signature: &str) -> Response {
        self.posted(app, "/revocations", signature).await
    }

    async fn posted(&self, app: &App, path: &str, signature: &str) -> Response {
        let request = app.anonymous().request(Method::POST, path);
        let request = request.header("webhook-id", &self.id).header("webhook-timestamp", self.at);
        let request = request.header("webhook-signature", signature).body(self.body.clone());
        request.send().await.unwrap()
    }
}

async fn app_with_secret() -> App {
    App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await
}

/// How long it takes until `who` is refused; fails when it takes longer than `at_most`.
async fn refused_after(who: &Client<'_>, at_most: Duration) -> Duration {
    let began = Instant::now();
    loop {
        if who.ask(WHO).await.status == 401 {
            return began.elapsed();
        }
        assert!(began.elapsed() < at_most, "still accepted after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn a_sign_out_counts_at_once(backend: Backend) {
    let (server, app) = pushed_to(backend).await;
    let account = server.sign_up("Out", json!({})).await;
    let sessions = [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)];
    for who in &sessions {
        who.data(WHO).await;
    }
    server.sign_out(&account).await;
    for who in &sessions {
        assert_eq!(who.ask(WHO).await.status, 401, "its session was believed for minutes yet");
    }
}

#[tokio::test]
async fn a_sign_out_that_the_hook_pushes_counts_at_once_on_sqlite() {
    a_sign_out_counts_at_once(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_sign_out_that_the_hook_pushes_counts_at_once_on_postgres() {
    a_sign_out_counts_at_once(Backend::Postgres).await;
}

#[tokio::test]
async fn a_change_of_role_that_the_hook_pushes_counts_at_once_for_sessions_and_tokens() {
    let (server, app) = pushed_to(Backend::Sqlite).await;
    let account = server.sign_up("Role", json!({})).await;
    let cookie = app.by_cookie(&account.cookie);
    let before = app.by_bearer(&server.jwt(&account).await);
    assert_eq!(cookie.data(WHO).await["viewer"]["roles"], json!(["user"]));
    before.data(WHO).await;
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(cookie.data(WHO).await["viewer"]["roles"], json!(["admin"]));
    assert_eq!(before.ask(WHO).await.status, 401, "the token still says `user`");
    let began = Instant::now();
    loop {
        let after = app.by_bearer(&server.jwt(&account).await).ask(WHO).await;
        if after.status == 200 {
            assert_eq!(after.body["data"]["viewer"]["roles"], json!(["admin"]));
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "a token of the next second is good");
    }
}

#[tokio::test]
async fn without_a_push_a_session_stops_within_the_bound_that_the_metrics_state() {
    let server = AuthServer::shared();
    let flags = ["--better-auth-url", server.url.as_str(), "--session-cache-ttl", "2s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nhallpass_revocation_bound_seconds 2.0\n"), "{metrics}");
    let account = server.sign_up("Bound", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data(WHO).await;
    server.sign_out(&account).await;
    assert_eq!(who.ask(WHO).await.status, 200, "it is believed for a while");
    refused_after(&who, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn only_what_was_issued_before_is_taken_back_and_only_of_that_user() {
    let app = app_with_secret().await;
    let issuer = Issuer::shared();
    let aged = |age: i64| {
        let claims = alice().with("iat", now().timestamp() - age).claims();
        issuer.token(&claims)
    };
    let (old, undated) = (aged(60), {
        let mut claims = issuer.full(&alice().claims());
        claims.as_object_mut().unwrap().remove("iat");
        issuer.ed25519.sign(&claims)
    });
    for token in [&old, &undated] {
        app.by_bearer(token).data(WHO).await;
    }
    let taken = Push { at: now().timestamp() - 30, ..Push::user(alice().id()) };
    assert_eq!(taken.to(&app).await, 204);
    for token in [&old, &undated] {
        assert_eq!(app.by_bearer(token).ask(WHO).await.status, 401);
    }
    app.by_bearer(&aged(20)).data(WHO).await;
    app.by_jwt(&bob()).data(WHO).await;
}

#[tokio::test]
async fn a_message_that_the_auth_server_did_not_sign_takes_nothing_back() {
    let app = app_with_secret().await;
    let who = app.by_jwt(&alice());
    who.data(WHO).await;
    let push = || Push::user(alice().id());
    let good = push();
    let signature = good.signature();
    let stranger = Push { secret: "some other secret of thirty-two bytes".to_owned(), ..push() };
    for (what, push, signature) in [
        ("another secret", &stranger, stranger.signature()),
        ("another body", &Push { id: good.id.clone(), ..Push::user("x") }, signature.clone()),
        ("another id", &Push { at: good.at, body: good.body.clone(), ..push() }, signature.clone()),
        ("no version", &good, signature.replace("v1,", "")),
        ("another version", &good, signature.replace("v1,", "v2,")),
        ("nothing", &good, String::new()),
        ("an empty signature", &good, "v1,".to_owned()),
    ] {
        let answer = push.signed(&app, &signature).await;
        assert_eq!(answer.status(), 401, "{what}");
        let body: Value = answer.json().await.unwrap();
        let message = body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("REVOCATION_SECRET"), "{what}: {message}");
    }
    for seconds in [-301, 301] {
        let late = Push { at: now().timestamp() + seconds, ..push() };
        assert_eq!(late.to(&app).await, 401, "{seconds} seconds away");
    }
    who.data(WHO).await;
    assert_eq!(good.to(&app).await, 204, "the check can be passed");
    assert_eq!(who.ask(WHO).await.status, 401);
}

#[tokio::test]
async fn a_message_counts_once() {
    let app = app_with_secret().await;
    let push = Push::user("somebody");
    assert_eq!(push.to(&app).await, 204);
    assert_eq!(push.to(&app).await, 409);
    let again = Push { at: push.at + 1, ..Push::user("somebody") };
    assert_eq!(Push { id: push.id.clone(), ..again }.to(&app).await, 409, "the id is what counts");
}

#[tokio::test]
async fn one_of_several_signatures_and_of_several_secrets_is_enough() {
    let (new, old) = ("the new secret of more than 24 bytes", SECRET);
    let both = format!("{new},{old}");
    let app = App::with(Backend::Sqlite, &["--revocation-secret", &both]).await;
    for secret in [new, old] {
        let push = Push { secret: secret.to_owned(), ..Push::user("somebody") };
        assert_eq!(push.to(&app).await, 204, "{secret}");
    }
    let push = Push::user("somebody");
    let several = format!("v1,AAAA {} v1a,x", push.signature());
    assert_eq!(push.signed(&app, &several).await.status(), 204);
}

#[tokio::test]
async fn a_message_that_is_wrong_is_told_what_is_wrong() {
    let app = app_with_secret().await;
    for (push, named) in [
        (Push::of("user.deleted", json!({"userId": "x"})), "type"),
        (Push::of("user.changed", json!({"sessionId": "x"})), "data.userId"),
        (Push::of("session.revoked", json!({"sessionId": ""})), "data.sessionId"),
        (Push::of("session.changed", json!({"userId": "x"})), "data.sessionId"),
        (Push::of("api-key.changed", json!({"sessionId": "x"})), "data.apiKeyId"),
        (Push { body: "no JSON".to_owned(), ..Push::user("x") }, "type"),
        (Push { id: "m".repeat(256), ..Push::user("x") }, "webhook-id"),
    ] {
        let answer = push.signed(&app, &push.signature()).await;
        assert_eq!(answer.status(), 400, "{named}");
        let body: Value = answer.json().await.unwrap();
        assert!(body["errors"][0]["message"].as_str().unwrap().contains(named), "{body}");
    }
    let bare = app.anonymous().request(Method::POST, "/revocations").send().await.unwrap();
    assert_eq!(bare.status(), 400);
    let closed = App::start(Backend::Sqlite).await;
    assert_eq!(Push::user("x").to(&closed).await, 404, "no secret, no door");
}

/// Two servers on one database.
async fn two_nodes(more: &[&str]) -> (App, App) {
    let url = postgres::database();
    let issuer = Issuer::shared().url();
    let flags = ["--better-auth-url", issuer, "--revocation-secret", SECRET];
    let flags = [&flags[..], more].concat();
    let node = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    (node().await, node().await)
}

async fn reaches(one: &App, other: &App, at_most: Duration) -> Duration {
    let who = other.by_jwt(&alice());
    let here = one.by_jwt(&alice());
    who.data(WHO).await;
    assert_eq!(Push::user(alice().id()).to(one).await, 204);
    assert_eq!(here.ask(WHO).await.status, 401);
    refused_after(&who, at_most).await
}

#[tokio::test]
async fn through_redis_a_revocation_reaches_every_node_at_once() {
    let (one, other) = two_nodes(&["--redis-url", redis::url()]).await;
    // The first may come before the other node listens; then it is read a little later.
    assert_eq!(Push::user("somebody").to(&one).await, 204);
    reaches(&one, &other, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn without_redis_a_revocation_reaches_every_node_soon() {
    let (one, other) = two_nodes(&[]).await;
    reaches(&one, &other, Duration::from_secs(8)).await;
}

#[tokio::test]
async fn while_redis_is_away_revocations_are_taken_in_and_reach_every_node_soon() {
    let (one, other) = two_nodes(&["--redis-url", "redis://127.0.0.1:9"]).await;
    reaches(&one, &other, Duration::from_secs(8)).await;
}

#[tokio::test]
async fn a_revocation_outlives_a_restart() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let start = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    let first = start().await;
    let bobs = Issuer::shared().token(&bob().claims());
    let token = Issuer::shared().token(&alice().claims());
    first.by_bearer(&token).data(WHO).await;
    assert_eq!(Push::user(alice().id()).to(&first).await, 204);
    let long_ago = revocation::Model {
        id: "msg_long_ago".to_owned(),
        session_id: None,
        user_id: Some(bob().id().to_owned()),
        state: None,
        revoked_at: now(),
        heard_at: now() - chrono::TimeDelta::days(1),
    };
    let system = first.database.system("a test stands in for yesterday");
    assert!(system.insert_revocation(long_ago).await.unwrap());
    first.by_bearer(&bobs).data(WHO).await;
    drop(first);
    let second = start().await;
    assert_eq!(second.by_bearer(&token).ask(WHO).await.status, 401, "from the first request on");
    assert_eq!(second.by_bearer(&bobs).ask(WHO).await.status, 401, "what was heard yesterday too");
}

#[tokio::test]
async fn while_the_database_is_stuck_a_revocation_counts_here_at_once_and_is_kept_later() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let app = App::on(&url, files, &flags).await;
    let who = app.by_jwt(&alice());
    who.data(WHO).await;
    let system = app.database.system("a test holds the one writer's place");
    let writing = system.connection().begin().await.unwrap();
    writing.execute_unprepared("UPDATE course SET title = title").await.unwrap();
    let push = Push::user(alice().id());
    let impatient = tokio::time::timeout(Duration::from_millis(500), push.to(&app)).await;
    assert!(impatient.is_err(), "it cannot be kept yet");
    assert_eq!(who.ask(WHO).await.status, 401);
    drop(writing);
    let began = Instant::now();
    while push.to(&app).await != 409 {
        assert!(began.elapsed() < Duration::from_secs(8), "it was not kept");
    }
}
