//! The databases of a suite.

use std::sync::atomic::{AtomicUsize, Ordering};

use hallpass_data::Database;
use reqwest::Url;

use super::Suite;

/// The database of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A new SQLite file.
    Sqlite,
    /// A new PostgreSQL database: see [`Suite::postgres`].
    Postgres,
}

/// The variable with the URL of a PostgreSQL database, beside which tests create their own.
const URL: &str = "TEST_DATABASE_URL";

/// The database of one server. One that was created is deleted with it.
pub(super) enum TestDatabase {
    Sqlite,
    Given(String),
    Created { beside: Url, url: String, name: String },
}

impl TestDatabase {
    /// None for a file of the server.
    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Sqlite => None,
            Self::Given(url) | Self::Created { url, .. } => Some(url),
        }
    }
}

impl Suite {
    pub(super) fn has_postgres(&self) -> bool {
        self.postgres.is_some() || super::variable(URL).is_some()
    }

    pub(super) async fn database(&self, backend: Backend) -> TestDatabase {
        match (backend, &self.postgres) {
            (Backend::Sqlite, _) => TestDatabase::Sqlite,
            (Backend::Postgres, Some(create)) => TestDatabase::Given(create()),
            (Backend::Postgres, None) => create_beside(super::variable(URL)).await,
        }
    }
}

async fn create_beside(url: Option<String>) -> TestDatabase {
    static CREATED: AtomicUsize = AtomicUsize::new(0);
    let beside = url.unwrap_or_else(|| panic!("set {URL}, or give `Suite::postgres` a function"));
    let beside = Url::parse(&beside).unwrap_or_else(|error| panic!("{URL}: {error}"));
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let name = format!("hallpass_test_{}_{number}", std::process::id());
    let mut url = beside.clone();
    url.set_path(&name);
    let created = Database::execute_at(beside.as_str(), &format!("CREATE DATABASE {name}")).await;
    created.unwrap_or_else(|error| panic!("{URL}: a database cannot be created there: {error}"));
    TestDatabase::Created { beside, url: url.to_string(), name }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Self::Created { beside, name, .. } = self else { return };
        let (url, drop) = (beside.to_string(), format!("DROP DATABASE {name} WITH (FORCE)"));
        // On a thread of its own: a runtime does not wait for work within a destructor.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(Database::execute_at(&url, &drop)))
        });
        if !matches!(dropped.join(), Ok(Ok(Ok(())))) {
            eprintln!("the database {name} remains");
        }
    }
}
