//! The database: where the doors are made. Held by the file that joins the parts, and by nobody else.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseExecutor, DbBackend, DbErr,
    EntityTrait, PaginatorTrait,
};

use crate::owning::Owning;
use crate::wall::{ANNOUNCEMENT, Conn, Pass};
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
    /// Whether statements run behind row-level security (PostgreSQL).
    pub row_security: bool,
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
    walled: bool,
    pub(crate) owning: Owning,
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
        let walled = options.row_security;
        if walled {
            connect.map_sqlx_postgres_opts(|postgres| postgres.options([ANNOUNCEMENT]));
        }
        let mut pool = sea_orm::Database::connect(connect).await?;
        pool.set_metric_callback(move |info| observe(&info.statement.sql));
        Ok(Self { pool, walled, owning: Owning::default() })
    }

    /// The doors of one caller; without an owner, of an anonymous one.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        Scope::new(self.conn(), owner, self.owning)
    }

    fn conn(&self) -> Conn {
        Conn::new(self.pool.clone(), self.walled)
    }

    /// Whether statements run behind row-level security.
    #[must_use]
    pub fn is_walled(&self) -> bool {
        self.walled
    }

    /// The way round the scopes, for the server's own work. `reason` says why none of the doors
    /// serves; every use is found by searching for `.system(`.
    #[must_use]
    pub fn system(&self, reason: &'static str) -> System<'_> {
        tracing::debug!(reason, "system access to the database");
        System { database: self }
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
    database: &'a Database,
}

impl<'a> System<'a> {
    /// The bare connection. Behind row-level security it opens on no owned rows: it shows no pass.
    #[must_use]
    pub fn connection(&self) -> &'a DatabaseConnection {
        &self.database.pool
    }

    /// Does `work`, for which every row stands open.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.database.conn().run(&Pass::Server, work).await
    }

    /// Whether a table has no row.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn is_empty<E: EntityTrait>(&self) -> Result<bool, Error>
    where
        E::Model: Sync,
    {
        Ok(self.run(async |conn| E::find().count(conn).await).await? == 0)
    }

    /// Writes rows as they are.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn insert_all<E: EntityTrait>(&self, rows: Vec<E::ActiveModel>) -> Result<(), Error> {
        let insert = E::insert_many(rows);
        self.run(async |conn| insert.exec_without_returning(conn).await).await?;
        Ok(())
    }
}
