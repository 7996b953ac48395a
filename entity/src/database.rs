//! The database: where the doors are made. Held by the file that joins the parts, and by nobody else.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, PaginatorTrait,
};

use crate::{Error, Scope, UserId};

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://FILE?mode=rwc` or `postgres://…`.
    pub url: String,
    /// A statement that runs longer is given up (PostgreSQL); none for work that may take long.
    pub statement_timeout: Option<Duration>,
    /// How many connections there may be.
    pub connections: u32,
}

/// How long a request waits for a free connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a writer waits for another on SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that rested longer is tried before use.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(30);

/// The pool of connections, and the only maker of scopes.
#[derive(Clone)]
pub struct Database {
    pool: DatabaseConnection,
}

impl Database {
    /// Opens the pool.
    ///
    /// # Errors
    /// When the address is wrong or nobody answers there.
    pub async fn connect(options: Options) -> Result<Self, Error> {
        Self::connect_observed(options, |_| {}).await
    }

    /// Opens the pool and calls `observe` with the SQL text of each statement after it ran.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[expect(clippy::disallowed_methods, reason = "this is the door to the database")]
    pub async fn connect_observed(
        options: Options,
        observe: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let mut connect = ConnectOptions::new(options.url);
        connect
            .max_connections(options.connections)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire_if_idle_for(TEST_AFTER_IDLE)
            .sqlx_logging(false)
            .record_stmt_in_spans(false)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                    .synchronous(sqlx::sqlite::SqliteSynchronous::Normal)
                    .busy_timeout(BUSY_TIMEOUT)
                    .foreign_keys(true)
                    .pragma("mmap_size", "134217728")
                    .pragma("cache_size", "-8000")
            });
        if let Some(timeout) = options.statement_timeout {
            connect.statement_timeout(timeout);
        }
        let mut pool = sea_orm::Database::connect(connect).await?;
        pool.set_metric_callback(move |info| observe(&info.statement.sql));
        Ok(Self { pool })
    }

    /// The doors of one caller; without an owner, of an anonymous one.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        Scope::new(self.pool.clone(), owner)
    }

    /// The way round the scopes, for the server's own work. `reason` says why none of the doors
    /// serves; every use is found by searching for `.system(`.
    #[must_use]
    pub fn system(&self, reason: &'static str) -> System<'_> {
        tracing::debug!(reason, "system access to the database");
        System { pool: &self.pool }
    }

    /// Holds off whoever else does the same work, until this database is closed. For one connection:
    /// the lock is the connection's. On SQLite there is nothing to do: it has one writer.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lock_out_others(&self) -> Result<(), Error> {
        if self.pool.get_database_backend() == DbBackend::Postgres {
            self.pool.execute_unprepared("SELECT pg_advisory_lock(7203641)").await?;
        }
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.pool.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Closes every connection, after the statements under way.
    ///
    /// # Errors
    /// When the driver could not close one.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.pool.close().await?)
    }
}

/// Unscoped access, for migrations and for what the server itself writes.
pub struct System<'a> {
    pool: &'a DatabaseConnection,
}

impl<'a> System<'a> {
    /// The bare connection.
    #[must_use]
    pub fn connection(&self) -> &'a DatabaseConnection {
        self.pool
    }

    /// Whether a table has no row.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn is_empty<E: EntityTrait>(&self) -> Result<bool, Error>
    where
        E::Model: Sync,
    {
        Ok(E::find().count(self.pool).await? == 0)
    }

    /// Writes rows as they are.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn insert_all<E: EntityTrait>(&self, rows: Vec<E::ActiveModel>) -> Result<(), Error> {
        E::insert_many(rows).exec_without_returning(self.pool).await?;
        Ok(())
    }
}
