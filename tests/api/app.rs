//! A server of a test's own, on a database of its own, reached over HTTP.

use std::sync::{Arc, Mutex};

use clap::FromArgMatches as _;
use hallpass::app::{self, App as Server, Listeners};
use hallpass::config::{Config, Settings};
use hallpass_entity::{Database, Scope, UserId, course, variant};
use reqwest::{Client, Method, StatusCode};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::issuer::Issuer;
use crate::people::Person;
use crate::postgres;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Writes a test twice, once for each database: `on_both_databases! { async fn name(app: App) { … } }`.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[doc = $doc:expr])* async fn $name:ident($app:ident: App) $body:block)*) => {$(
        $(#[doc = $doc])*
        mod $name {
            use super::*;

            async fn story($app: $crate::app::App) $body

            #[tokio::test]
            async fn on_sqlite() {
                story($crate::app::App::start($crate::app::Backend::Sqlite).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                story($crate::app::App::start($crate::app::Backend::Postgres).await).await;
            }
        }
    )*};
}

/// A running server.
pub struct App {
    pub url: String,
    pub client: Client,
    pub database: Database,
    statements: Arc<Mutex<Vec<String>>>,
    _stop: DropGuard,
    _files: tempfile::TempDir,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

/// The settings that `flags` make, as on the command line.
pub fn config(flags: &[&str]) -> Config {
    let line = std::iter::once("hallpass").chain(flags.iter().copied());
    let matches = hallpass::cli::command().try_get_matches_from(line).unwrap();
    Settings::from_arg_matches(&matches).unwrap().check().unwrap()
}

/// A client that keeps no cookies, follows nobody, and leaves no connection to another test's runtime.
#[expect(clippy::disallowed_methods, reason = "tests are clients")]
pub fn client() -> Client {
    Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

impl App {
    /// A server that trusts the tests' issuer.
    pub async fn start(backend: Backend) -> Self {
        Self::with(backend, &[]).await
    }

    /// The same, with more settings.
    pub async fn with(backend: Backend, flags: &[&str]) -> Self {
        let issuer = Issuer::shared();
        let mut all = vec!["--better-auth-url", issuer.url()];
        all.extend(flags);
        Self::configured(backend, &all).await
    }

    /// A server with these settings and no others.
    pub async fn configured(backend: Backend, flags: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let url = match backend {
            Backend::Sqlite => format!("sqlite://{}/test.db?mode=rwc", files.path().display()),
            Backend::Postgres => postgres::database(),
        };
        let mut all = vec!["--database-url", &url];
        all.extend(flags);
        let mut config = config(&all);
        config.development_key = files.path().join("key.der");

        app::migrate(&config).await.unwrap();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&statements);
        let observe = move |sql: &str| seen.lock().unwrap().push(sql.to_owned());
        let database = app::open(&config, observe).await.unwrap();
        let server = Server::build(&config, database.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let listeners = Listeners { main: listener, metrics: None };
        tokio::spawn(server.serve(listeners, stop.clone()));
        Self {
            url,
            client: client(),
            database,
            statements,
            _stop: stop.drop_guard(),
            _files: files,
        }
    }

    /// Nobody in particular.
    pub fn anonymous(&self) -> As<'_> {
        As { app: self, headers: Vec::new() }
    }

    /// Somebody, by a JWT of the tests' issuer.
    pub fn by_jwt(&self, person: &Person) -> As<'_> {
        self.by_bearer(&Issuer::shared().token(&person.claims()))
    }

    /// Whoever shows this bearer token.
    pub fn by_bearer(&self, token: &str) -> As<'_> {
        As { app: self, headers: vec![("authorization", format!("Bearer {token}"))] }
    }

    /// Whoever shows this cookie.
    pub fn by_cookie(&self, cookie: &str) -> As<'_> {
        As { app: self, headers: vec![("cookie", cookie.to_owned())] }
    }

    /// Loads the demo courses.
    pub async fn with_courses(self) -> Self {
        let system = self.database.system("tests read the demo courses");
        hallpass::courses::load_demo(&system).await.unwrap();
        self
    }

    /// The rows of somebody, as the server reaches them.
    #[expect(clippy::disallowed_methods, reason = "tests stand in for the server here")]
    pub fn scope_of(&self, person: &Person) -> Scope {
        self.database.scope(Some(UserId::from_verified_subject(person.id().to_owned())))
    }

    /// The rows of nobody, as the server reaches them.
    #[expect(clippy::disallowed_methods, reason = "tests stand in for the server here")]
    pub fn scope_of_nobody(&self) -> Scope {
        self.database.scope(None)
    }

    /// Takes a course back, as an editor would.
    pub async fn unpublish(&self, slug: &str) {
        let course = course::Entity::update_many()
            .col_expr(course::Column::Published, false.into())
            .filter(course::Column::Slug.eq(slug));
        let system = self.database.system("tests stand in for editors");
        course.exec(system.connection()).await.unwrap();
    }

    /// Gives every chapter the same text.
    pub async fn rewrite_forms(&self, body: &str) {
        let forms = variant::Entity::update_many().col_expr(variant::Column::Body, body.into());
        let system = self.database.system("tests stand in for editors");
        forms.exec(system.connection()).await.unwrap();
    }

    /// The statements that ran while `work` did.
    pub async fn statements_of<T>(&self, work: impl Future<Output = T>) -> (T, Vec<String>) {
        self.statements.lock().unwrap().clear();
        let done = work.await;
        let seen = std::mem::take(&mut *self.statements.lock().unwrap());
        (done, seen)
    }
}

/// Somebody in front of a server.
#[derive(Clone)]
pub struct As<'a> {
    app: &'a App,
    headers: Vec<(&'static str, String)>,
}

impl As<'_> {
    /// The same, with one more header.
    pub fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends a document.
    pub async fn ask(&self, query: &str) -> Answer {
        self.send(&json!({ "query": query })).await
    }

    /// Sends a document with variables.
    pub async fn ask_with(&self, query: &str, variables: Value) -> Answer {
        self.send(&json!({ "query": query, "variables": variables })).await
    }

    /// Sends a document that must succeed, and gives its data.
    pub async fn data(&self, query: &str) -> Value {
        self.ask(query).await.data()
    }

    /// Sends a document with variables that must succeed, and gives its data.
    pub async fn data_with(&self, query: &str, variables: Value) -> Value {
        self.ask_with(query, variables).await.data()
    }

    /// Sends a request.
    pub async fn send(&self, body: &Value) -> Answer {
        let request = self.request(Method::POST, "/graphql");
        Answer::read(request.json(body).send().await.unwrap()).await
    }

    /// A request to be filled in.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.app.client.request(method, format!("{}{path}", self.app.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
    }
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, headers, body }
    }

    /// The data of an answer without errors.
    #[track_caller]
    pub fn data(self) -> Value {
        assert!(self.body.get("errors").is_none(), "unexpected errors: {}", self.body);
        assert_eq!(self.status, StatusCode::OK);
        self.body["data"].clone()
    }

    /// The codes of the errors, in order.
    pub fn codes(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array();
        let codes = errors.into_iter().flatten();
        codes.map(|error| error["extensions"]["code"].as_str().unwrap_or("none")).collect()
    }

    /// The one error.
    #[track_caller]
    pub fn error(&self) -> &Value {
        let errors = self.body["errors"].as_array().expect("the answer has errors");
        assert_eq!(errors.len(), 1, "one error was expected: {}", self.body);
        &errors[0]
    }

    /// What is wrong with the input at `path`.
    #[track_caller]
    pub fn complaint(&self, path: &str) -> &str {
        let error = self.error();
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{}", self.body);
        error["extensions"]["fields"][path]
            .as_str()
            .unwrap_or_else(|| panic!("nothing is said of {path}: {}", self.body))
    }
}
