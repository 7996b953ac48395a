//! A server of the test's own, on a database of its own, reached over HTTP.

use hallpass_data::trusted::VerifiedSubject as _;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex};

use hallpass::Application;
use hallpass::application::DemoRows;
use hallpass::config::Config;
use hallpass::testing::{self, User};
use hallpass_data::{Database, Scope, UserId};
use hallpass_entity::{course, variant};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

pub use hallpass::testing::{Client, GraphQlResponse, client};

use crate::support::issuer::Issuer;
use crate::support::pgbouncer::{self, OtherClient};
use crate::support::postgres;
use crate::support::secret_log;

/// The shipped server.
pub fn application() -> &'static Arc<Application> {
    static APPLICATION: LazyLock<Arc<Application>> = LazyLock::new(hallpass_server::application);
    &APPLICATION
}

/// The configuration of these flags.
pub fn config(flags: &[&str]) -> Config {
    testing::config(application(), flags)
}

/// The database of a test.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The URL of a new database, which may be a file in `files`.
    fn database(self, files: &tempfile::TempDir) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}/test.db?mode=rwc", files.path().display()),
            Self::Postgres => postgres::database(),
        }
    }
}

/// Writes a test twice, once for each database: `on_both_databases! { async fn name(app: App) { … } }`.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[doc = $doc:expr])* async fn $name:ident($app:ident: App) $body:block)*) => {$(
        $(#[doc = $doc])*
        pub mod $name {
            use super::*;

            pub async fn case($app: $crate::support::app::App) $body

            #[tokio::test]
            async fn on_sqlite() {
                case($crate::support::app::App::start($crate::support::app::Backend::Sqlite).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                case($crate::support::app::App::start($crate::support::app::Backend::Postgres).await).await;
            }
        }
    )*};
}

/// Whether a flag's value is a secret.
fn is_secret(flag: &str) -> bool {
    let names_secret = ["secret", "-key"].iter().any(|part| flag.contains(part));
    names_secret && !["-issuer", "-audience", "-header"].iter().any(|end| flag.ends_with(end))
}

/// A running server.
pub struct App {
    server: testing::App,
    statements: Arc<Mutex<Vec<String>>>,
    _other_client: Option<OtherClient>,
}

impl Deref for App {
    type Target = testing::App;

    fn deref(&self) -> &testing::App {
        &self.server
    }
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
        let url = backend.database(&files);
        Self::on(&url, files, flags).await
    }

    /// A server on the database at `url`, which may be shared.
    pub async fn on(url: &str, files: tempfile::TempDir, flags: &[&str]) -> Self {
        Self::prepared(url, files, flags, |database| database).await
    }

    /// A server on the result of `prepare` for the database at `url`.
    pub async fn prepared(
        url: &str,
        files: tempfile::TempDir,
        flags: &[&str],
        prepare: impl FnOnce(Database) -> Database,
    ) -> Self {
        secret_log::watch();
        for pair in flags.windows(2).filter(|pair| is_secret(pair[0])) {
            pair[1].split(',').for_each(secret_log::forbid_in_log);
        }
        let pooled = pgbouncer::suite_address(url);
        let other_client = pooled.clone().map(OtherClient::of);
        // A killed server loses nothing this way; only a crash of the machine does.
        let mut all = vec!["--database-url", pooled.as_deref().unwrap_or(url)];
        if pooled.is_some() {
            all.extend(["--database-pooler", "transaction"]);
        }
        if !flags.contains(&"--sqlite-synchronous") {
            all.extend(["--sqlite-synchronous", "normal"]);
        }
        all.extend(flags);
        let statements = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&statements);
        // The audit log, activity, and fetched keys are written beside the requests, at times of their own.
        let beside = [
            "INSERT INTO \"audit_event\"",
            "DELETE FROM \"audit_event\"",
            "\"key_set\"",
            "FROM \"erased_user\"",
            "INTO \"known_user\"",
            "INTO \"seen_session\"",
            "DELETE FROM \"seen_session\"",
        ];
        let observe = move |sql: &str| {
            if !beside.iter().any(|table| sql.contains(table)) {
                seen.lock().unwrap().push(sql.to_owned());
            }
        };
        let config = config(&all);
        let server =
            testing::App::launch_with(application(), config, files, observe, prepare).await;
        Self { server, statements, _other_client: other_client }
    }

    /// A client with a JWT of the tests' issuer.
    pub fn by_jwt(&self, user: &User) -> Client<'_> {
        self.by_bearer(&Issuer::shared().token(&user.claims()))
    }

    /// A client with this bearer token.
    pub fn by_bearer(&self, token: &str) -> Client<'_> {
        secret_log::forbid_in_log(token);
        self.server.by_bearer(token)
    }

    /// A client with this cookie.
    pub fn by_cookie(&self, cookie: &str) -> Client<'_> {
        cookie.split(['=', ';']).for_each(secret_log::forbid_in_log);
        self.server.by_cookie(cookie)
    }

    /// Loads the demo courses.
    pub async fn with_courses(self) -> Self {
        let system = self.database.system("tests read the demo courses");
        let mut demos = application().demos();
        let (_, courses) = demos.find(|(domain, _)| *domain == "courses").unwrap();
        courses.load(&DemoRows::new(&system)).await.unwrap();
        self
    }

    /// The user's scope, as in the server.
    #[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
    pub fn scope_of(&self, user: &User) -> Scope {
        self.database.scope(Some(UserId::from_verified_subject(user.id().to_owned())))
    }

    /// The scope without a caller, as in the server.
    #[expect(clippy::disallowed_methods, reason = "tests act as the server here")]
    pub fn anonymous_scope(&self) -> Scope {
        self.database.scope(None)
    }

    /// Unpublishes a course, as an editor would.
    pub async fn unpublish(&self, slug: &str) {
        let course = course::Entity::update_many()
            .col_expr(course::Column::Published, false.into())
            .filter(course::Column::Slug.eq(slug));
        let system = self.database.system("tests act as editors");
        system.read(async |conn| course.exec(conn).await).await.unwrap();
        self.database.discard_shared_rows();
    }

    /// Gives every chapter the same text.
    pub async fn set_all_bodies(&self, body: &str) {
        let forms = variant::Entity::update_many().col_expr(variant::Column::Body, body.into());
        let system = self.database.system("tests act as editors");
        system.read(async |conn| forms.exec(conn).await).await.unwrap();
        self.database.discard_shared_rows();
    }

    /// The number of statements since [`statements_of`](Self::statements_of) last began or ended.
    pub fn statements_so_far(&self) -> usize {
        self.statements.lock().unwrap().len()
    }

    /// The statements that ran while `work` did.
    pub async fn statements_of<T>(&self, work: impl Future<Output = T>) -> (T, Vec<String>) {
        self.statements.lock().unwrap().clear();
        let done = work.await;
        let seen = std::mem::take(&mut *self.statements.lock().unwrap());
        (done, seen)
    }
}
