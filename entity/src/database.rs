//! The database: opens the pool, and creates scopes. Held by the `app` module only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait,
    PaginatorTrait,
};

use crate::bulkhead::{Bulkhead, Client};
use crate::connection::{ACQUIRE_TIMEOUT, Observe, Pool, Usage};
use crate::executor::{Access, Executor};
use crate::health::StorageHealth;
use crate::owner_filter::OwnerFilter;
use crate::policy::Scoped;
use crate::quota::Quota;
use crate::row_security::{Conn, RlsContext};
use crate::{Error, Pooler, Reason, Scope, UserId, postgres, sqlite};

/// How to reach the database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://FILE?mode=rwc` or `postgres://…`.
    pub url: String,
    /// A statement that runs longer is given up (PostgreSQL); none for work that may take long.
    pub statement_timeout: Option<Duration>,
    /// How many connections there may be, beside the one of [`Database::for_readiness`].
    pub connections: u32,
    /// What stands between here and PostgreSQL.
    pub pooler: Pooler,
    /// Whether statements run behind row-level security (PostgreSQL).
    pub row_security: bool,
    /// What an acknowledged write outlives (SQLite).
    pub synchronous: Synchronous,
    /// How long a writer waits for another (SQLite).
    pub busy_timeout: Duration,
    /// How many rows of one table one owner may have; none is without end.
    pub rows_per_owner: Option<u64>,
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
            pooler: Pooler::Session,
            row_security: false,
            synchronous: Synchronous::Full,
            busy_timeout: BUSY_TIMEOUT,
            rows_per_owner: None,
        }
    }
}

/// How long a writer waits for another on SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long between two tries to open a database that is locked.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// A connection that rested longer is tried before use.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);

/// The pool of connections, and the only maker of scopes.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: Pool,
    /// What readiness is asked by.
    aside: Pool,
    walled: bool,
    pub(crate) owning: OwnerFilter,
    pub(crate) quota: Quota,
    pub(crate) health: StorageHealth,
}

impl Database {
    /// Opens the pool.
    ///
    /// # Errors
    /// When the address is wrong or no server answers there.
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
        if options.pooler == Pooler::Session {
            postgres::refuse_shared_sessions(&options.url).await?;
        }
        let walled = options.row_security;
        let observe: Arc<Observe> = Arc::new(observe);
        let health = file.as_deref().map(StorageHealth::of).unwrap_or_default();
        let quota = Quota::of(options.rows_per_owner);
        let pool = pool(&options, &health, &observe).await?;
        let aside = match sqlite::is_in_memory(&options.url) {
            true => pool.clone(),
            false => pool_aside(&options, &health, &observe).await?,
        };
        Ok(Self { pool, aside, walled, owning: OwnerFilter::default(), quota, health })
    }

    /// The same database by a connection of its own, which is not shared with requests: what is asked by it
    /// says whether the database is well, and not how busy it is.
    #[must_use]
    pub fn for_readiness(&self) -> Self {
        Self { pool: self.aside.clone(), ..self.clone() }
    }

    /// The doors of one caller; without an owner, of an anonymous one.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        let client = match &owner {
            Some(owner) => Client::Caller(owner.as_str().into()),
            None => Client::Anonymous(std::net::Ipv6Addr::UNSPECIFIED.into()),
        };
        Scope::new(self.conn(client), owner, self.owning, self.quota.clone())
    }

    pub(crate) fn conn(&self, client: Client) -> Conn {
        Conn::new(Access::new(self.pool.clone(), client), self.walled, self.health.clone())
    }

    /// What stands between here and PostgreSQL; none on SQLite.
    #[must_use]
    pub fn pooler(&self) -> Option<Pooler> {
        match (self.pool.sea.get_database_backend(), self.pool.usage.only_transactions) {
            (DbBackend::Postgres, true) => Some(Pooler::Transaction),
            (DbBackend::Postgres, false) => Some(Pooler::Session),
            _ => None,
        }
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
        System::new(&self.pool.sea, self.conn(Client::Server))
    }

    /// Has the rows of `owner` counted before the next one is written: their number changed by another way.
    pub fn recount(&self, owner: &UserId) {
        self.quota.forget(owner);
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let system = self.system("whether it answers is not in a table");
        system.read(async |conn| conn.execute_unprepared("SELECT 1").await).await?;
        Ok(())
    }

    /// Closes every connection, after the statements under way.
    ///
    /// # Errors
    /// When the driver could not close one.
    pub async fn close(self) -> Result<(), Error> {
        self.aside.sea.close().await?;
        Ok(self.pool.sea.close().await?)
    }
}

/// The pool of requests.
async fn pool(
    options: &Options,
    health: &StorageHealth,
    observe: &Arc<Observe>,
) -> Result<Pool, Error> {
    let mut connect = connect_options(options, health.clone());
    connect.max_connections(options.connections).min_connections(1);
    let sea = connected(connect, options, observe).await?;
    Ok(pooled(sea, options, options.connections, observe))
}

/// The pool of readiness: one connection, made when it is first asked for.
async fn pool_aside(
    options: &Options,
    health: &StorageHealth,
    observe: &Arc<Observe>,
) -> Result<Pool, Error> {
    let mut connect = connect_options(options, health.clone());
    connect.max_connections(1).min_connections(0).connect_lazy(true);
    Ok(pooled(connected(connect, options, observe).await?, options, 1, observe))
}

/// Opens a pool. Servers that make an SQLite file at the same time are in each other's way for a moment,
/// whatever they are told to wait.
#[expect(clippy::disallowed_methods, reason = "this is the door to the database")]
async fn connected(
    connect: ConnectOptions,
    options: &Options,
    observe: &Arc<Observe>,
) -> Result<DatabaseConnection, Error> {
    let until = Instant::now() + options.busy_timeout;
    loop {
        let error = match sea_orm::Database::connect(connect.clone()).await.map_err(Error::from) {
            Err(error) if error.reason() == Some(Reason::Locked) => error,
            connected => {
                let (mut sea, observe) = (connected?, Arc::clone(observe));
                sea.set_metric_callback(move |info| observe(&info.statement.sql));
                return Ok(sea);
            }
        };
        if Instant::now() >= until {
            return Err(error);
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

fn pooled(
    sea: DatabaseConnection,
    options: &Options,
    connections: u32,
    observe: &Arc<Observe>,
) -> Pool {
    let one_writer = sea.get_database_backend() == DbBackend::Sqlite;
    let only_transactions = options.pooler == Pooler::Transaction;
    let begin = match only_transactions {
        true => postgres::begin(options.statement_timeout, options.row_security),
        // A first statement may read before it writes, and SQLite makes no writer wait whose reading another
        // has outdated meanwhile.
        false if one_writer => "BEGIN IMMEDIATE".to_owned(),
        false => "BEGIN".to_owned(),
    };
    let usage = Usage { begin, only_transactions, observe: Arc::clone(observe) };
    let bulkhead = Bulkhead::new(connections, one_writer, ACQUIRE_TIMEOUT);
    Pool { sea, bulkhead, usage: Arc::new(usage) }
}

fn connect_options(options: &Options, health: StorageHealth) -> ConnectOptions {
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(TEST_AFTER_IDLE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    connect.map_sqlx_postgres_before_acquire(move |_, connection| {
        let is_trusted = health.is_trusted(connection.age);
        Box::pin(async move { Ok(is_trusted) })
    });
    sqlite::set_up(&mut connect, options.synchronous, options.busy_timeout);
    postgres::set_up(&mut connect, options);
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

    /// The bare connection, for tests. Behind row-level security it opens on no owned rows: it shows no
    /// pass. It is not for poolers that share sessions: its statements have names.
    #[must_use]
    pub fn connection(&self) -> &'a DatabaseConnection {
        self.pool
    }

    /// Asks what is in no table of ours.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr> + Clone,
    ) -> Result<T, Error> {
        self.conn.read(&RlsContext::Nothing, work).await
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Does `work` on tables that have no policies.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&RlsContext::Nothing, work).await
    }

    /// Does `work`, for which every row stands open.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&RlsContext::Server, work).await
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
