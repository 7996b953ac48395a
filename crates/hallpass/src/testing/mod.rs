//! Test harness for domains: runs a complete server on a temporary database, and authenticates callers as in
//! production, with tokens of a temporary issuer whose keys are fetched over HTTP.
//!
//! ```no_run
//! # async fn notes(application: fn() -> std::sync::Arc<hallpass::Application>) {
//! use hallpass::testing::{App, user};
//!
//! let app = App::start(&application()).await;
//! let (alice, bob) = (user("alice"), user("bob").role("editor"));
//! app.by_jwt(&alice).data("mutation { createNote(text: \"Mine\") { id } }").await;
//! let seen = app.by_jwt(&bob).data("{ notes { totalCount } }").await;
//! assert_eq!(seen["notes"]["totalCount"], 0);
//! # }
//! ```
//!
//! [`isolation`] tries to reach the rows of other users through each field of the schema.
//!
//! Requires the feature `testing`, which `[dev-dependencies]` enables. Functions panic on failure, which fails the
//! test.

pub(crate) mod client;
mod contract;
pub mod isolation;
mod sdl;
mod socket;
pub(crate) mod users;

pub use client::{Client, GraphQlResponse};
pub use contract::{access_table_is_current, schema_is_current};
pub use sdl::{Field, Sdl, named};
pub use socket::Socket;
pub use users::{User, persona, user};

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use clap::FromArgMatches as _;
use futures_util::FutureExt as _;
use hallpass_data::{Database, now};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::app::{self, App as Server, Listeners};
use crate::application::Application;
use crate::cli;
use crate::config::{Config, Settings};
use hallpass_identity::{DevTokenIssuer as Signer, Persona};

/// A running server.
pub struct App {
    /// Its base URL.
    pub url: String,
    /// A client for it.
    pub client: reqwest::Client,
    /// Its database.
    pub database: Database,
    issuer: Option<Issuer>,
    personas: &'static [Persona],
    _stop: DropGuard,
    _files: TempDir,
}

impl App {
    /// Starts `application` on a new SQLite database, with its own issuer.
    pub async fn start(application: &Arc<Application>) -> Self {
        Self::with(application, &[]).await
    }

    /// As [`App::start`], with more settings as command-line flags: `&["--tiers", "basic,gold"]`. With
    /// `--database-url`, on that database.
    pub async fn with(application: &Arc<Application>, flags: &[&str]) -> Self {
        Self::observed(application, flags, |_| {}, |database| database).await
    }

    /// As [`App::with`]. Calls `observe` with each executed statement. The database is transformed by `prepare`.
    pub(crate) async fn observed(
        application: &Arc<Application>,
        flags: &[&str],
        observe: impl Fn(&str) + Send + Sync + 'static,
        prepare: impl FnOnce(Database) -> Database,
    ) -> Self {
        let issuer = Issuer::start().await;
        let files = TempDir::new().expect("a temporary directory can be created");
        let database = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
        let mut all = vec!["--better-auth-url", &issuer.url];
        // A killed server loses nothing with `normal`; only a crash of the machine does.
        let own = [
            ("--oidc-issuer", issuer.url.as_str()),
            ("--oauth-resource", &issuer.url),
            ("--database-url", &database),
            ("--sqlite-synchronous", "normal"),
        ];
        let missing = own.iter().filter(|(flag, _)| !flags.contains(flag));
        all.extend(missing.flat_map(|(flag, value)| [*flag, *value]));
        all.extend(flags);
        let config = config(application, &all);
        let app = Self::launch_with(application, config, files, observe, prepare).await;
        Self { issuer: Some(issuer), ..app }
    }

    /// Starts a server with exactly this configuration, whose files are in `files`. Calls `observe` with each executed
    /// statement.
    pub async fn launch(
        application: &Arc<Application>,
        config: Config,
        files: TempDir,
        observe: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self::launch_with(application, config, files, observe, |database| database).await
    }

    /// As [`App::launch`], with the database transformed by `prepare`.
    pub async fn launch_with(
        application: &Arc<Application>,
        mut config: Config,
        files: TempDir,
        observe: impl Fn(&str) + Send + Sync + 'static,
        prepare: impl FnOnce(Database) -> Database,
    ) -> Self {
        config.development_key = files.path().join("key.der");
        // On the main address: tests run many servers at once.
        config.metrics_address = None;
        // Boxed: their types would be parts of the type of each test, which has a limited depth.
        app::migrate(application, &config).boxed().await.expect("the database can be migrated");
        let database = app::open(application, &config, observe)
            .boxed()
            .await
            .expect("the database can be opened");
        let database = prepare(database);
        let server = Server::build(application, &config, database.clone()).boxed().await;
        let server = server.expect("the server can be built");
        let (main, url) = listen().await;
        let stop = CancellationToken::new();
        tokio::spawn(server.serve(Listeners { main: main.into(), metrics: None }, stop.clone()));
        let (client, stop) = (client(), stop.drop_guard());
        let personas = config.identity.personas;
        Self { url, client, database, issuer: None, personas, _stop: stop, _files: files }
    }

    /// A client without credentials.
    #[must_use]
    pub fn anonymous(&self) -> Client<'_> {
        Client::anonymous(&self.client, &self.url)
    }

    /// A client with a JWT for `user`, signed by the server's own issuer.
    #[must_use]
    pub fn by_jwt(&self, user: &User) -> Client<'_> {
        self.by_bearer(&self.token(user))
    }

    /// A JWT for `user`, signed by the server's own issuer. With a claim `client_id`, an access token of a service.
    #[must_use]
    pub fn token(&self, user: &User) -> String {
        let issuer = self.issuer.as_ref().expect("the server was started with its own issuer");
        issuer.token(user)
    }

    /// A client as the development persona `name`; an anonymous one has no credential.
    #[must_use]
    pub fn by_persona(&self, name: &str) -> Client<'_> {
        let found = self.personas.iter().find(|persona| persona.name == name);
        persona(found.expect("there is such a persona"))
            .map_or_else(|| self.anonymous(), |user| self.by_jwt(&user))
    }

    /// A client with this bearer token.
    #[must_use]
    pub fn by_bearer(&self, token: &str) -> Client<'_> {
        self.anonymous().with_header("authorization", &format!("Bearer {token}"))
    }

    /// A client with this cookie.
    #[must_use]
    pub fn by_cookie(&self, cookie: &str) -> Client<'_> {
        self.anonymous().with_header("cookie", cookie)
    }
}

/// Fake Better Auth server with the jwt plugin: serves a key set, and has no sessions.
struct Issuer {
    url: String,
    signer: Signer,
    _stop: DropGuard,
}

impl Issuer {
    async fn start() -> Self {
        let signer = Signer::in_memory().expect("a key can be created");
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
        let standard =
            json!({"iss": self.url, "aud": self.url, "iat": issued, "exp": issued + 900});
        if let (Value::Object(claims), Value::Object(standard)) = (&mut claims, standard) {
            claims.extend(standard);
        }
        self.signer.sign(&claims).expect("the key signs")
    }
}

/// Parses `flags` as on the command line. Unless given, the drain delay is zero, so that servers stop at once, and there
/// is no rate limit.
#[must_use]
pub fn config(application: &Application, flags: &[&str]) -> Config {
    let defaults = [["--drain-delay", "0s"], ["--rate-limit", "off"]];
    let defaults = defaults.iter().filter(|default| !flags.contains(&default[0])).flatten();
    let line = std::iter::once(application.name()).chain(defaults.chain(flags).copied());
    let matches =
        cli::command(application).try_get_matches_from(line).expect("the flags are valid");
    let settings = Settings::from_arg_matches(&matches).expect("the flags are valid");
    let own = application.own_settings(&matches).expect("the settings are valid");
    Config { own, ..application.configure(settings.check().expect("the settings are valid")) }
}

/// An HTTP client without cookies, redirects and idle connections, which would belong to another test's runtime.
#[expect(clippy::disallowed_methods, reason = "tests are clients")]
#[must_use]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("the client can be built")
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("the listener is bound");
    (listener, format!("http://{address}"))
}
