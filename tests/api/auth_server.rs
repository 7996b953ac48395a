//! A real Better Auth server, started on first use and gone with the process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use reqwest::Client;
use serde_json::{Value, json};

use crate::app::client;

/// A running Better Auth server.
pub struct AuthServer {
    pub url: String,
    client: Client,
    /// Ends when its standard input closes, as it does with this process.
    _process: Child,
}

/// Somebody who signed up there, with what a browser would hold.
pub struct Account {
    pub id: String,
    pub email: String,
    /// The `Cookie` header that their browser sends.
    pub cookie: String,
    /// The session's token, as the bearer plugin hands it out.
    pub session_token: String,
}

impl AuthServer {
    /// The one that most tests use. Nobody may break it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<AuthServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&json!({})))
    }

    /// One of a test's own.
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

    /// Signs somebody up over HTTP, as their browser would.
    pub async fn sign_up(&self, name: &str, more: Value) -> Account {
        let email = format!("{name}-{}@example.test", uuid::Uuid::now_v7().simple());
        let mut form = json!({"name": name, "email": email, "password": "correct horse battery"});
        for (field, value) in more.as_object().unwrap() {
            form[field] = value.clone();
        }
        let answer = self.post("/api/auth/sign-up/email", &form).await;
        assert_eq!(answer.status(), 200, "sign-up works");
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookies: Vec<_> = cookies
            .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
            .collect();
        let body: Value = answer.json().await.unwrap();
        Account {
            id: body["user"]["id"].as_str().unwrap().to_owned(),
            email,
            cookie: cookies.join("; "),
            session_token: body["token"].as_str().unwrap().to_owned(),
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
        let request = self.client.post(format!("{}/api/auth/sign-out", self.url));
        let request = request.header("origin", &self.url).header("cookie", &account.cookie);
        assert_eq!(request.json(&json!({})).send().await.unwrap().status(), 200);
    }

    /// Changes columns of a user, as an operator would.
    pub async fn set_user(&self, account: &Account, columns: Value) {
        let mut body = columns;
        body["email"] = account.email.as_str().into();
        assert_eq!(self.post("/control/user", &body).await.status(), 200);
    }

    /// Makes it answer like a server in trouble.
    pub async fn set_mode(&self, mode: &str) {
        assert_eq!(self.post("/control/mode", &json!({ "mode": mode })).await.status(), 200);
    }

    /// How often `GET path` was asked so far.
    pub async fn count(&self, path: &str) -> u64 {
        let counts = self.control("requests").await;
        counts[format!("GET {path}")].as_u64().unwrap_or(0)
    }

    /// What the last `get-session` request looked like.
    pub async fn last_get_session(&self) -> Value {
        self.control("last-get-session").await
    }

    async fn control(&self, what: &str) -> Value {
        let answer = self.client.get(format!("{}/control/{what}", self.url)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.url)).header("origin", &self.url);
        request.json(body).send().await.unwrap()
    }
}
