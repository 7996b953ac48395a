//! The database: where the doors are made. Held by the file that joins the parts, and by nobody else.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseExecutor, DbErr, EntityTrait,
    PaginatorTrait,
};

use crate::health::StorageHealth;
use crate::owning::Owning;
use crate::policy::Scoped;
use crate::sqlite;
use crate::wall::{ANNOUNCEMENT, Conn, Pass};
use crate::{Error, Reason, Scope, UserId};

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
    /// What an acknowledged write outlives (SQLite).
    pub synchronous: Synchronous,
    /// How long a writer waits for another (SQLite).
    pub busy_timeout: Duration,
}

/// What an acknowledged write outlives, on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// A loss of power: each commit waits for the disk.
    Full,
    /// A crash of the server. A loss of power may take the last commits back, and damages nothing.
    Normal,
}

impl Options {
    /// The database at `url`, by one connection, with what is usual otherwise.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            statement_timeout: None,
            connections: 1,
            row_security: false,
            synchronous: Synchronous::Full,
            busy_timeout: BUSY_TIMEOUT,
        }
    }
}

/// How long a request waits for a free connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a writer waits for another on SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long between two tries to open a database that is locked.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// A connection that rested longer is tried before use.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(30);

/// The pool of connections, and the only maker of scopes.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: DatabaseConnection,
    walled: bool,
    pub(crate) owning: Owning,
    pub(crate) health: StorageHealth,
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
    pub async fn connect_observed(
        options: Options,
        observe: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let file = sqlite::file(&options.url);
        sqlite::make_file(&options.url).map_err(|error| DbErr::Custom(error.to_string()))?;
        let walled = options.row_security;
        let mut pool = connected(options).await?;
        pool.set_metric_callback(move |info| observe(&info.statement.sql));
        let health = file.as_deref().map(StorageHealth::of).unwrap_or_default();
        Ok(Self { pool, walled, owning: Owning::default(), health })
    }

    /// The doors of one caller; without an owner, of an anonymous one.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        Scope::new(self.conn(), owner, self.owning)
    }

    pub(crate) fn conn(&self) -> Conn {
        Conn::new(self.pool.clone(), self.walled, self.health.clone())
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
        System::new(&self.pool, self.conn())
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

/// Opens the pool of `options`. Servers that make an SQLite file at the same time are in each other's way
/// for a moment, whatever they are told to wait.
#[expect(clippy::disallowed_methods, reason = "this is the door to the database")]
async fn connected(options: Options) -> Result<DatabaseConnection, Error> {
    let until = Instant::now() + options.busy_timeout;
    let connect = connect_options(options);
    loop {
        let error = match sea_orm::Database::connect(connect.clone()).await.map_err(Error::from) {
            Err(error) if error.reason() == Some(Reason::Locked) => error,
            connected => return connected,
        };
        if Instant::now() >= until {
            return Err(error);
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

fn connect_options(options: Options) -> ConnectOptions {
    let mut connect = ConnectOptions::new(options.url);
    connect
        .max_connections(options.connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(TEST_AFTER_IDLE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    sqlite::set_up(&mut connect, options.synchronous, options.busy_timeout);
    if let Some(timeout) = options.statement_timeout {
        connect.statement_timeout(timeout);
    }
    if options.row_security {
        connect.map_sqlx_postgres_opts(|postgres| postgres.options([ANNOUNCEMENT]));
    }
    connect
}

/// Unscoped access, for migrations and for what the server itself writes.
pub struct System<'a> {
    pool: &'a DatabaseConnection,
    conn: Conn,
}

impl<'a> System<'a> {
    pub(crate) fn new(pool: &'a DatabaseConnection, conn: Conn) -> Self {
        Self { pool, conn }
    }

    /// The bare connection. Behind row-level security it opens on no owned rows: it shows no pass.
    #[must_use]
    pub fn connection(&self) -> &'a DatabaseConnection {
        self.pool
    }

    /// Does `work` on tables that have no policies.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&Pass::Nothing, work).await
    }

    /// Does `work`, for which every row stands open.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseExecutor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&Pass::Server, work).await
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
    pub async fn insert_all<E: Scoped>(&self, mut rows: Vec<E::ActiveModel>) -> Result<(), Error> {
        rows.iter_mut().for_each(E::derive);
        let insert = E::insert_many(rows);
        self.run(async |conn| insert.exec_without_returning(conn).await).await?;
        Ok(())
    }
}
