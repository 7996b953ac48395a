//! What a team tests its own domains with: a whole server on a database of its own, and callers who
//! are recognized as in production, by tokens of a throwaway issuer whose keys are fetched over HTTP.
//!
//! ```no_run
//! # async fn notes() {
//! use hallpass::testing::{App, person};
//!
//! let app = App::start().await;
//! let (alice, bob) = (person("alice"), person("bob").role("editor"));
//! app.by_jwt(&alice).data("mutation { createTask(input: {title: \"Mine\"}) { id } }").await;
//! let seen = app.by_jwt(&bob).data("{ tasks { totalCount } }").await;
//! assert_eq!(seen["tasks"]["totalCount"], 0);
//! # }
//! ```
//!
//! Behind the feature `testing`, which `[dev-dependencies]` turns on. Everything here panics where it
//! cannot go on: that is how a test fails.

pub(crate) mod client;
pub(crate) mod users;

pub use client::{Client, GraphQlResponse};
pub use users::{User, persona, user};

use axum::Router;
use axum::routing::get;
use clap::FromArgMatches as _;
use hallpass_entity::{Database, now};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::{self, App as Server, Listeners};
use crate::cli;
use crate::config::{Config, Settings};
use crate::identity::{DevTokenIssuer as Signer, Persona};

/// A running server.
pub struct App {
    /// Where it serves.
    pub url: String,
    /// A client for it.
    pub client: reqwest::Client,
    /// Its database.
    pub database: Database,
    issuer: Option<Issuer>,
    _stop: DropGuard,
    _files: TempDir,
}

impl App {
    /// A server on a SQLite database of its own, which trusts an issuer of its own.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same, with more settings, as on the command line: `&["--tiers", "basic,gold"]`.
    pub async fn with(flags: &[&str]) -> Self {
        let issuer = Issuer::start().await;
        let files = TempDir::new().expect("there is room for a temporary directory");
        let database = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
        let mut all = vec!["--better-auth-url", &issuer.url, "--database-url", &database];
        all.extend(["--oidc-issuer", &issuer.url, "--oauth-resource", &issuer.url]);
        all.extend(flags);
        let app = Self::launch(config(&all), files, |_| {}).await;
        Self { issuer: Some(issuer), ..app }
    }

    /// A server with this configuration and no other, which keeps its files in `files`. Calls `observe`
    /// with each statement that ran.
    pub async fn launch(
        config: Config,
        files: TempDir,
        observe: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self::launch_with(config, files, observe, |database| database).await
    }

    /// The same, on what `prepare` makes of the database.
    pub async fn launch_with(
        mut config: Config,
        files: TempDir,
        observe: impl Fn(&str) + Send + Sync + 'static,
        prepare: impl FnOnce(Database) -> Database,
    ) -> Self {
        config.development_key = files.path().join("key.der");
        // Beside everything else: tests run many servers at once.
        config.metrics_address = None;
        app::migrate(&config).await.expect("the database can be migrated");
        let database = prepare(app::open(&config, observe).await.expect("the database opens"));
        let server = Server::build(&config, database.clone()).await.expect("the parts fit");
        let (main, url) = listen().await;
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(Listeners { main, metrics: None }, stop.clone()));
        let (client, stop) = (client(), stop.drop_guard());
        Self { url, client, database, issuer: None, _stop: stop, _files: files }
    }

    /// An anonymous caller.
    #[must_use]
    pub fn anonymous(&self) -> Client<'_> {
        Client::anonymous(&self.client, &self.url)
    }

    /// A person, by a JWT of the server's own issuer.
    #[must_use]
    pub fn by_jwt(&self, user: &User) -> Client<'_> {
        let issuer = self.issuer.as_ref().expect("a server started with an issuer of its own");
        self.by_bearer(&issuer.token(user))
    }

    /// A persona of development: the guest shows nothing.
    #[must_use]
    pub fn by_persona(&self, who: Persona) -> Client<'_> {
        persona(who).map_or_else(|| self.anonymous(), |user| self.by_jwt(&user))
    }

    /// The caller who shows this bearer token.
    #[must_use]
    pub fn by_bearer(&self, token: &str) -> Client<'_> {
        self.anonymous().with_header("authorization", &format!("Bearer {token}"))
    }

    /// The caller who shows this cookie.
    #[must_use]
    pub fn by_cookie(&self, cookie: &str) -> Client<'_> {
        self.anonymous().with_header("cookie", cookie)
    }
}

/// Stands in for a Better Auth server with the jwt plugin: a key set over HTTP, and no sessions.
struct Issuer {
    url: String,
    signer: Signer,
    _stop: DropGuard,
}

impl Issuer {
    async fn start() -> Self {
        let signer = Signer::in_memory().expect("a key can be made");
        let keys = signer.key_set().to_string();
        let router = Router::new()
            .route("/api/auth/jwks", get(move || std::future::ready(keys.clone())))
            .route("/api/auth/get-session", get(|| std::future::ready("null")));
        let (listener, url) = listen().await;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = axum::serve(listener, router).with_graceful_shutdown(stopped);
        tokio::spawn(std::future::IntoFuture::into_future(serving));
        Self { url, signer, _stop: stop.drop_guard() }
    }

    fn token(&self, user: &User) -> String {
        let issued = now().timestamp();
        let mut claims = user.claims();
        let usual = json!({"iss": self.url, "aud": self.url, "iat": issued, "exp": issued + 900});
        if let (Value::Object(claims), Value::Object(usual)) = (&mut claims, usual) {
            claims.extend(usual);
        }
        self.signer.sign(&claims).expect("the key signs")
    }
}

/// The settings that `flags` make, as on the command line; without them, the server stops at once when it
/// is told to.
#[must_use]
pub fn config(flags: &[&str]) -> Config {
    let delay = ["--drain-delay", "0s"];
    let delay = if flags.contains(&delay[0]) { &[][..] } else { &delay[..] };
    let line = std::iter::once("hallpass").chain(delay.iter().chain(flags).copied());
    let matches = cli::command().try_get_matches_from(line).expect("the flags are settings");
    let settings = Settings::from_arg_matches(&matches).expect("the flags are settings");
    settings.check().expect("the settings are right")
}

/// A client that keeps no cookies, follows no redirect, and leaves no connection to another test's runtime.
#[expect(clippy::disallowed_methods, reason = "tests are clients")]
#[must_use]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client needs nothing that could be missing")
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, format!("http://{address}"))
}
