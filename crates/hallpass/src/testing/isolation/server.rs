//! One server of a suite.

use std::sync::{Arc, Mutex, PoisonError};

use hallpass_data::testing::system_tables;

use super::database::Backend;
use super::shared_rows::SharedRows;
use super::{Suite, Users};
use crate::testing::{App, Client, User};

/// How a server is started.
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) backend: Backend,
    pub(super) flags: &'a [&'a str],
    /// Whether scopes lack the owner filter.
    pub(super) disables_owner_filter: bool,
}

impl Options<'_> {
    pub(super) const fn on(backend: Backend) -> Self {
        Self { backend, flags: &[], disables_owner_filter: false }
    }
}

/// A running server, and the statements that it executed.
pub(super) struct Server {
    pub(super) app: App,
    pub(super) users: Users,
    statements: Arc<Mutex<Vec<String>>>,
    /// The tables of requests, quoted. The server writes its own tables at any time.
    tables: Vec<String>,
    inspect_token: fn(&str),
    _database: super::database::TestDatabase,
}

impl Server {
    /// Starts a server with the fixtures of `suite`, without rows of its users.
    pub(super) async fn start(suite: &Suite, options: &Options<'_>) -> Self {
        let database = suite.database(options.backend).await;
        let statements = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&statements);
        let observe = move |sql: &str| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(sql.to_owned());
        };
        let mut flags: Vec<&str> = suite.flags.iter().map(String::as_str).collect();
        // The twins must execute the same statements, whatever they have cached.
        flags.extend(["--shared-cache-ttl", "0s"]);
        // A document selects everything.
        flags.extend(["--max-cost", "10000"]);
        flags.extend(options.flags);
        if let Some(url) = database.url() {
            flags.extend(["--database-url", url]);
        }
        let is_disabled = options.disables_owner_filter;
        let app = App::observed(&suite.application, &flags, observe, |database| {
            if is_disabled { database.without_owner_filter() } else { database }
        })
        .await;
        for fixture in &suite.fixtures {
            fixture(SharedRows(app.database.clone())).await.expect("the fixture inserts rows");
        }
        let tables = app.database.tables(None).await.expect("the catalog can be read");
        let tables = tables.iter().filter(|name| !system_tables().contains(&name.as_str()));
        let tables = tables.map(|name| format!("\"{name}\"")).collect();
        let (users, inspect_token) = (suite.users.clone(), suite.inspect_token);
        Self { app, users, statements, tables, inspect_token, _database: database }
    }

    /// A client with a JWT for `user`.
    pub(super) fn client(&self, user: &User) -> Client<'_> {
        let token = self.app.token(user);
        (self.inspect_token)(&token);
        self.app.by_bearer(&token)
    }

    /// The result of `work`, and the statements on tables of requests that ran meanwhile, sorted: fields of a query
    /// run concurrently.
    pub(super) async fn statements_of<T>(&self, work: impl Future<Output = T>) -> (T, Vec<String>) {
        self.take_statements();
        let done = work.await;
        let mut statements = self.take_statements();
        statements.retain(|sql| self.tables.iter().any(|table| sql.contains(table)));
        statements.sort();
        (done, statements)
    }

    fn take_statements(&self) -> Vec<String> {
        std::mem::take(&mut *self.statements.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
