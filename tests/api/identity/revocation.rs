//! Revocation by the auth server: at once if it is pushed, else within the bound.

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

use crate::support::app::{App, Backend, Client, client};
use crate::support::auth_server::AuthServer;
use crate::support::callers::{alice, bob};
use crate::support::issuer::{Issuer, serve};
use crate::support::postgres;
use crate::support::redis;

pub const SECRET: &str = "a secret that the hook and the server share";
pub const VIEWER: &str = "{ viewer { id roles } }";

/// Forwards the requests of the auth server's hook: the hook needs a URL before the server has one.
#[derive(Clone, Default)]
struct HookRelay {
    target: Arc<Mutex<Option<String>>>,
}

impl HookRelay {
    fn start(&self) -> String {
        let router = Router::new().route("/revocations", post(forward));
        serve(router.route("/identities/link", post(forward)).with_state(self.clone()))
    }

    fn set_target(&self, app: &App) {
        *self.target.lock().unwrap() = Some(app.url.clone());
    }
}

async fn forward(
    State(relay): State<HookRelay>,
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

/// A server with a session cache of five minutes, and the auth server whose hook pushes to it.
pub async fn with_push(backend: Backend) -> (AuthServer, App) {
    with_push_settings(backend, json!({}), &[]).await
}

/// The same, with more settings of the auth server and more flags.
pub async fn with_push_settings(
    backend: Backend,
    mut more: Value,
    flags: &[&str],
) -> (AuthServer, App) {
    let relay = HookRelay::default();
    more["revocations"] =
        json!({ "url": format!("{}/revocations", relay.start()), "secret": SECRET });
    let server = AuthServer::start(&more);
    let own = ["--better-auth-url", &server.url, "--revocation-secret", SECRET];
    let flags = [&own[..], &["--session-cache-ttl", "5m"], flags].concat();
    let flags: Vec<_> = flags.iter().map(|flag| flag.replace("{url}", &server.url)).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let app = App::configured(backend, &flags).await;
    relay.set_target(&app);
    (server, app)
}

/// A message with this content, signed now.
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

    /// The same, sent at this second.
    pub fn sent_at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    fn signature(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let message = format!("{}.{}.{}", self.id, self.at, self.body);
        format!("v1,{}", STANDARD.encode(hmac::sign(&key, message.as_bytes())))
    }

    pub async fn to(&self, app: &hallpass::testing::App) -> u16 {
        self.signed(app, &self.signature()).await.status().as_u16()
    }

    /// Sends it to another endpoint.
    pub async fn to_path(&self, app: &hallpass::testing::App, path: &str) -> u16 {
        self.posted(app, path, &self.signature()).await.status().as_u16()
    }

    async fn signed(&self, app: &hallpass::testing::App, signature: &str) -> Response {
        self.posted(app, "/revocations", signature).await
    }

    async fn posted(&self, app: &hallpass::testing::App, path: &str, signature: &str) -> Response {
        let request = app.anonymous().request(Method::POST, path);
        let request = request.header("webhook-id", &self.id).header("webhook-timestamp", self.at);
        let request = request.header("webhook-signature", signature).body(self.body.clone());
        request.send().await.unwrap()
    }
}

async fn app_with_secret() -> App {
    App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await
}

/// The time until `who` is rejected; fails if it takes longer than `at_most`.
async fn time_until_rejected(who: &Client<'_>, at_most: Duration) -> Duration {
    let began = Instant::now();
    loop {
        if who.ask(VIEWER).await.status == 401 {
            return began.elapsed();
        }
        assert!(began.elapsed() < at_most, "still accepted after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn pushed_sign_out_applies(backend: Backend) {
    let (server, app) = with_push(backend).await;
    let account = server.sign_up("Out", json!({})).await;
    let sessions = [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)];
    for who in &sessions {
        who.data(VIEWER).await;
    }
    server.sign_out(&account).await;
    for who in &sessions {
        assert_eq!(who.ask(VIEWER).await.status, 401, "its session was cached for minutes");
    }
}

#[tokio::test]
async fn pushed_sign_out_applies_at_once_on_sqlite() {
    pushed_sign_out_applies(Backend::Sqlite).await;
}

#[tokio::test]
async fn pushed_sign_out_applies_at_once_on_postgres() {
    pushed_sign_out_applies(Backend::Postgres).await;
}

#[tokio::test]
async fn pushed_role_change_applies_at_once() {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("Role", json!({})).await;
    let cookie = app.by_cookie(&account.cookie);
    let before = app.by_bearer(&server.jwt(&account).await);
    assert_eq!(cookie.data(VIEWER).await["viewer"]["roles"], json!(["user"]));
    before.data(VIEWER).await;
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(cookie.data(VIEWER).await["viewer"]["roles"], json!(["admin"]));
    assert_eq!(before.ask(VIEWER).await.status, 401, "the token still has the role `user`");
    let began = Instant::now();
    loop {
        let after = app.by_bearer(&server.jwt(&account).await).ask(VIEWER).await;
        if after.status == 200 {
            assert_eq!(after.body["data"]["viewer"]["roles"], json!(["admin"]));
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "a token of the next second is good");
    }
}

#[tokio::test]
async fn unpushed_sign_out_applies_within_the_bound() {
    let server = AuthServer::shared();
    let flags = ["--better-auth-url", server.url.as_str(), "--session-cache-ttl", "2s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nhallpass_revocation_bound_seconds 2.0\n"), "{metrics}");
    let account = server.sign_up("Bound", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data(VIEWER).await;
    server.sign_out(&account).await;
    assert_eq!(who.ask(VIEWER).await.status, 200, "it is cached for a while");
    time_until_rejected(&who, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn revocation_is_scoped_by_user_and_iat() {
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
        app.by_bearer(token).data(VIEWER).await;
    }
    let taken = Push { at: now().timestamp() - 30, ..Push::user(alice().id()) };
    assert_eq!(taken.to(&app).await, 204);
    for token in [&old, &undated] {
        assert_eq!(app.by_bearer(token).ask(VIEWER).await.status, 401);
    }
    app.by_bearer(&aged(20)).data(VIEWER).await;
    app.by_jwt(&bob()).data(VIEWER).await;
}

#[tokio::test]
async fn unsigned_webhook_is_rejected() {
    let app = app_with_secret().await;
    let who = app.by_jwt(&alice());
    who.data(VIEWER).await;
    let push = || Push::user(alice().id());
    let good = push();
    let signature = good.signature();
    let foreign = Push { secret: "some other secret of thirty-two bytes".to_owned(), ..push() };
    for (what, push, signature) in [
        ("another secret", &foreign, foreign.signature()),
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
    who.data(VIEWER).await;
    assert_eq!(good.to(&app).await, 204, "the check can be passed");
    assert_eq!(who.ask(VIEWER).await.status, 401);
}

#[tokio::test]
async fn replayed_webhook_is_rejected() {
    let app = app_with_secret().await;
    let push = Push::user("some-user");
    assert_eq!(push.to(&app).await, 204);
    assert_eq!(push.to(&app).await, 409);
    let again = Push { at: push.at + 1, ..Push::user("some-user") };
    assert_eq!(Push { id: push.id.clone(), ..again }.to(&app).await, 409, "the id is compared");
}

#[tokio::test]
async fn any_valid_signature_or_secret_is_accepted() {
    let (new, old) = ("the new secret of more than 24 bytes", SECRET);
    let both = format!("{new},{old}");
    let app = App::with(Backend::Sqlite, &["--revocation-secret", &both]).await;
    for secret in [new, old] {
        let push = Push { secret: secret.to_owned(), ..Push::user("some-user") };
        assert_eq!(push.to(&app).await, 204, "{secret}");
    }
    let push = Push::user("some-user");
    let several = format!("v1,AAAA {} v1a,x", push.signature());
    assert_eq!(push.signed(&app, &several).await.status(), 204);
}

#[tokio::test]
async fn invalid_webhook_names_the_problem() {
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
    assert_eq!(Push::user("x").to(&closed).await, 404, "without a secret the endpoint is disabled");
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

async fn assert_reaches(one: &App, other: &App, at_most: Duration) -> Duration {
    let who = other.by_jwt(&alice());
    let here = one.by_jwt(&alice());
    who.data(VIEWER).await;
    assert_eq!(Push::user(alice().id()).to(one).await, 204);
    assert_eq!(here.ask(VIEWER).await.status, 401);
    time_until_rejected(&who, at_most).await
}

#[tokio::test]
async fn revocation_reaches_nodes_through_redis() {
    let (one, other) = two_nodes(&["--redis-url", redis::url()]).await;
    // The first message may arrive before the other node subscribes; then it is read a little later.
    assert_eq!(Push::user("some-user").to(&one).await, 204);
    assert_reaches(&one, &other, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn revocation_reaches_nodes_through_postgres() {
    let (one, other) = two_nodes(&[]).await;
    assert_reaches(&one, &other, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn revocation_reaches_nodes_by_polling() {
    // Without LISTEN.
    let (one, other) = two_nodes(&["--database-pooler", "transaction"]).await;
    assert_reaches(&one, &other, Duration::from_secs(8)).await;
}

#[tokio::test]
async fn revocation_reaches_nodes_while_redis_is_down() {
    let (one, other) = two_nodes(&["--redis-url", "redis://127.0.0.1:9"]).await;
    assert_reaches(&one, &other, Duration::from_secs(8)).await;
}

#[tokio::test]
async fn revocation_survives_restart() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let start = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    let first = start().await;
    let bobs_token = Issuer::shared().token(&bob().claims());
    let token = Issuer::shared().token(&alice().claims());
    first.by_bearer(&token).data(VIEWER).await;
    assert_eq!(Push::user(alice().id()).to(&first).await, 204);
    let long_ago = revocation::Model {
        id: "msg_long_ago".to_owned(),
        session_id: None,
        user_id: Some(bob().id().to_owned()),
        state: None,
        revoked_at: now(),
        heard_at: now() - chrono::TimeDelta::days(1),
    };
    let system = first.database.system("a test writes an older message");
    assert!(system.insert_revocation(long_ago).await.unwrap());
    first.by_bearer(&bobs_token).data(VIEWER).await;
    drop(first);
    let second = start().await;
    assert_eq!(second.by_bearer(&token).ask(VIEWER).await.status, 401, "from the first request on");
    assert_eq!(
        second.by_bearer(&bobs_token).ask(VIEWER).await.status,
        401,
        "a message received a day earlier too"
    );
}

#[tokio::test]
async fn revocation_applies_before_it_is_stored() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    let app = App::on(&url, files, &flags).await;
    let who = app.by_jwt(&alice());
    who.data(VIEWER).await;
    let system = app.database.system("a test holds the one writer's place");
    let writing = system.connection().begin().await.unwrap();
    writing.execute_unprepared("UPDATE course SET title = title").await.unwrap();
    let push = Push::user(alice().id());
    let impatient = tokio::time::timeout(Duration::from_millis(500), push.to(&app)).await;
    assert!(impatient.is_err(), "it cannot be stored yet");
    assert_eq!(who.ask(VIEWER).await.status, 401);
    drop(writing);
    let began = Instant::now();
    while push.to(&app).await != 409 {
        assert!(began.elapsed() < Duration::from_secs(8), "it was not stored");
    }
}
