//! A server of a test's own, on a database of its own, reached over HTTP.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use hallpass::testing::{self, User};
use hallpass_data::{Database, Scope, UserId};
use hallpass_entity::{course, variant};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

pub use hallpass::testing::{Client, GraphQlResponse, client, config};

use crate::issuer::Issuer;
use crate::log;
use crate::postgres;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The address of a database of one's own, which may be a file among `files`.
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

            pub async fn story($app: $crate::app::App) $body

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

/// Whether a flag's value is nobody else's business.
fn is_secret(flag: &str) -> bool {
    let names_secret = ["secret", "-key"].iter().any(|part| flag.contains(part));
    names_secret && !["-issuer", "-audience", "-header"].iter().any(|end| flag.ends_with(end))
}

/// A running server.
pub struct App {
    server: testing::App,
    statements: Arc<Mutex<Vec<String>>>,
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

    /// A server that trusts the tests' issuer; where `forgets` is set, its scopes forget whose rows are.
    pub async fn forgetful(backend: Backend, flags: &[&str], forgets: bool) -> Self {
        let mut all = vec!["--better-auth-url", Issuer::shared().url()];
        all.extend(flags);
        let files = tempfile::tempdir().unwrap();
        let url = backend.database(&files);
        let prepare = |db: Database| if forgets { db.without_owner_filter() } else { db };
        Self::prepared(&url, files, &all, prepare).await
    }

    /// A server on the database at `url`, which may be another's too.
    pub async fn on(url: &str, files: tempfile::TempDir, flags: &[&str]) -> Self {
        Self::prepared(url, files, flags, |database| database).await
    }

    /// A server on what `prepare` makes of the database at `url`.
    pub async fn prepared(
        url: &str,
        files: tempfile::TempDir,
        flags: &[&str],
        prepare: impl FnOnce(Database) -> Database,
    ) -> Self {
        log::watch();
        for pair in flags.windows(2).filter(|pair| is_secret(pair[0])) {
            pair[1].split(',').for_each(log::must_not_show);
        }
        // A server that is killed loses nothing that way; only a machine that is would.
        let mut all = vec!["--database-url", url];
        if !flags.contains(&"--sqlite-synchronous") {
            all.extend(["--sqlite-synchronous", "normal"]);
        }
        all.extend(flags);
        let statements = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&statements);
        // The audit, who was here, and fetched keys are written beside the requests, at moments of their
        // own.
        let beside =
            ["\"audit_event\"", "\"key_set\"", "INTO \"known_user\"", "INTO \"seen_session\""];
        let observe = move |sql: &str| {
            if !beside.iter().any(|table| sql.contains(table)) {
                seen.lock().unwrap().push(sql.to_owned());
            }
        };
        let config = testing::config(&all);
        let server = testing::App::launch_with(config, files, observe, prepare).await;
        Self { server, statements }
    }

    /// Somebody, by a JWT of the tests' issuer.
    pub fn by_jwt(&self, user: &User) -> Client<'_> {
        self.by_bearer(&Issuer::shared().token(&user.claims()))
    }

    /// Whoever shows this bearer token.
    pub fn by_bearer(&self, token: &str) -> Client<'_> {
        log::must_not_show(token);
        self.server.by_bearer(token)
    }

    /// Whoever shows this cookie.
    pub fn by_cookie(&self, cookie: &str) -> Client<'_> {
        cookie.split(['=', ';']).for_each(log::must_not_show);
        self.server.by_cookie(cookie)
    }

    /// Loads the demo courses.
    pub async fn with_courses(self) -> Self {
        let system = self.database.system("tests read the demo courses");
        hallpass::domains::courses::load_demo(&system).await.unwrap();
        self
    }

    /// The rows of somebody, as the server reaches them.
    #[expect(clippy::disallowed_methods, reason = "tests stand in for the server here")]
    pub fn scope_of(&self, user: &User) -> Scope {
        self.database.scope(Some(UserId::from_verified_subject(user.id().to_owned())))
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

    /// How many statements ran since [`statements_of`](Self::statements_of) last began or ended.
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
