//! A real Better Auth server, started on first use and stopped with the process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::support::app::{App, Backend, client};
use crate::support::secret_log;

/// Its cookie-signing secret, unless set otherwise.
pub const SECRET: &str = "hallpass-better-auth-test-secret-0123456789";
/// Its session endpoint.
pub const GET_SESSION: &str = "GET /api/auth/get-session";

/// A running Better Auth server.
pub struct AuthServer {
    pub url: String,
    client: Client,
    /// Ends when its standard input closes, as it does with this process.
    _process: Child,
}

/// An account there, with the credentials of its browser.
pub struct Account {
    pub id: String,
    pub email: String,
    /// The `Cookie` header of its browser.
    pub cookie: String,
    /// The session's token, as the bearer plugin returns it.
    pub session_token: String,
}

/// A client of its OAuth provider.
pub struct OauthClient {
    pub id: String,
    /// Empty for a public client.
    pub secret: String,
}

impl Account {
    /// The value of the browser's cookie with a name that ends so.
    pub fn cookie_value(&self, name: &str) -> &str {
        let pairs = self.cookie.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(other, _)| other.ends_with(name)).unwrap().1
    }

    /// `TOKEN.SIGNATURE`, as the auth server writes it.
    pub fn signed_token(&self) -> String {
        percent_decode_str(self.cookie_value("session_token")).decode_utf8().unwrap().into_owned()
    }
}

impl AuthServer {
    /// The server that most tests use. Tests must not change its mode.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<AuthServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&json!({})))
    }

    /// A server of the test's own.
    pub fn start(settings: &Value) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/better-auth");
        assert!(
            directory.join("node_modules").exists(),
            "the tests need a Better Auth server: run `npm ci` in tests/better-auth, or tests/run"
        );
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(directory)
            .env("BETTER_AUTH_TEST", settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the tests need Node 20: install it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the Better Auth server starts");
        let url = ready["url"].as_str().unwrap().to_owned();
        Self { url, client: client(), _process: process }
    }

    /// Signs a user up over HTTP, as a browser would.
    pub async fn sign_up(&self, name: &str, more: Value) -> Account {
        let email = format!("{name}-{}@example.test", uuid::Uuid::now_v7().simple());
        let mut form = json!({"name": name, "email": email, "password": "correct horse battery"});
        for (field, value) in more.as_object().unwrap() {
            form[field] = value.clone();
        }
        let answer = self.post("/api/auth/sign-up/email", &form).await;
        assert_eq!(answer.status(), 200, "sign-up works");
        let cookie = cookies(&answer);
        let body: Value = answer.json().await.unwrap();
        Account {
            id: body["user"]["id"].as_str().unwrap().to_owned(),
            email,
            cookie,
            session_token: body["token"].as_str().unwrap().to_owned(),
        }
    }

    /// Signs a guest in, as a browser would.
    pub async fn sign_in_anonymously(&self) -> Account {
        let answer = self.post("/api/auth/sign-in/anonymous", &json!({})).await;
        assert_eq!(answer.status(), 200, "guests may sign in");
        Self::account(answer).await
    }

    /// Signs up the guest of this browser.
    pub async fn sign_up_from(&self, guest: &Account, name: &str) -> Account {
        let email = format!("{name}-{}@example.test", uuid::Uuid::now_v7().simple());
        let form = json!({"name": name, "email": email, "password": "correct horse battery"});
        Self::account(self.post_as(guest, "/api/auth/sign-up/email", &form).await).await
    }

    async fn account(answer: Response) -> Account {
        let cookie = cookies(&answer);
        let body: Value = answer.json().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Account {
            id: text(&body["user"]["id"]),
            email: text(&body["user"]["email"]),
            cookie,
            session_token: text(&body["token"]),
        }
    }

    /// The JWT that the jwt plugin gives the bearer of a session.
    pub async fn jwt(&self, account: &Account) -> String {
        let request = self.client.get(format!("{}/api/auth/token", self.url));
        let answer = request.header("cookie", &account.cookie).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// Signs an account out, as its browser would.
    pub async fn sign_out(&self, account: &Account) {
        self.post_as(account, "/api/auth/sign-out", &json!({})).await;
    }

    /// Changes columns of a user, as an operator would.
    pub async fn set_user(&self, account: &Account, columns: Value) {
        let mut body = columns;
        body["email"] = account.email.as_str().into();
        assert_eq!(self.post("/control/user", &body).await.status(), 200);
    }

    /// Makes it respond in this mode, such as with errors.
    pub async fn set_mode(&self, mode: &str) {
        self.operate("mode", json!({ "mode": mode })).await;
    }

    /// Calls a control endpoint of the server.
    pub async fn operate(&self, what: &str, body: Value) -> Value {
        let answer = self.post(&format!("/control/{what}"), &body).await;
        let status = answer.status();
        let body = answer.json().await.unwrap();
        assert_eq!(status, 200, "{what}: {body}");
        body
    }

    /// An API key of `owner`.
    pub async fn api_key(&self, owner: &Account, mut options: Value) -> String {
        options["email"] = owner.email.as_str().into();
        let key = self.operate("api-key", options).await["key"].as_str().unwrap().to_owned();
        secret_log::forbid_in_log(&key);
        key
    }

    /// A client of its OAuth provider.
    pub async fn oauth_client(&self, options: Value) -> OauthClient {
        let client = self.operate("oauth-client", options).await;
        let text = |name: &str| client[name].as_str().unwrap_or_default().to_owned();
        secret_log::forbid_in_log(&text("client_secret"));
        OauthClient { id: text("client_id"), secret: text("client_secret") }
    }

    /// The tokens of `client` after `account` signs in.
    pub async fn oauth_login(
        &self,
        account: &Account,
        client: &OauthClient,
        mut wanted: Value,
    ) -> Value {
        wanted["cookie"] = account.cookie.as_str().into();
        wanted["client_id"] = client.id.as_str().into();
        wanted["client_secret"] = client.secret.as_str().into();
        self.operate("oauth-login", wanted).await
    }

    /// The access token that `client` gets for itself.
    pub async fn service_token(&self, client: &OauthClient, resource: Option<&str>) -> String {
        let mut form = "grant_type=client_credentials&scope=read%3Atasks".to_owned();
        if let Some(resource) = resource {
            form += &format!("&resource={}", utf8_percent_encode(resource, NON_ALPHANUMERIC));
        }
        let request = self.client.post(format!("{}/api/auth/oauth2/token", self.url));
        let request = request.basic_auth(&client.id, Some(&client.secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body: Value = request.body(form).send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// The cookies of an administrator who impersonates another user.
    pub async fn impersonate(&self, admin: &Account, other: &Account) -> String {
        self.set_user(admin, json!({"role": "admin"})).await;
        let body = json!({"userId": other.id});
        cookies(&self.post_as(admin, "/api/auth/admin/impersonate-user", &body).await)
    }

    /// Sends a request as the account's browser would.
    pub async fn post_as(&self, account: &Account, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("origin", &self.url);
        let answer = request.header("cookie", &account.cookie).json(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer
    }

    /// A server on SQLite that trusts this one.
    pub async fn app(&self, flags: &[&str]) -> App {
        let mut all = vec!["--better-auth-url", self.url.as_str()];
        all.extend(flags);
        App::configured(Backend::Sqlite, &all).await
    }

    /// The number of requests to `GET path` so far.
    pub async fn count(&self, path: &str) -> u64 {
        self.request_count(&format!("GET {path}")).await
    }

    /// The number of these requests.
    pub async fn request_count(&self, request: &str) -> u64 {
        self.control("requests").await[request].as_u64().unwrap_or(0)
    }

    /// The last `get-session` request.
    pub async fn last_get_session(&self) -> Value {
        self.control("last-get-session").await
    }

    async fn control(&self, what: &str) -> Value {
        let answer = self.client.get(format!("{}/control/{what}", self.url)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("origin", &self.url);
        request.json(body).send().await.unwrap()
    }
}

/// A browser's cookies after a response: a cookie replaces another of its name, or removes it.
fn cookies(answer: &Response) -> String {
    let mut held: Vec<(&str, &str)> = Vec::new();
    for cookie in answer.headers().get_all("set-cookie") {
        let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        held.retain(|(other, _)| *other != name);
        if !attributes.contains("Max-Age=0;") {
            held.push((name, value));
        }
    }
    let pairs: Vec<_> = held.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}
