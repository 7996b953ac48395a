//! The database: opens the connection pool, and creates scopes. Held by the `app` module only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait,
    PaginatorTrait,
};
use tokio::sync::watch;

use crate::bulkhead::{ACQUIRE_TIMEOUT, Bulkhead, Client};
use crate::connection::{Observe, Pool, Usage};
use crate::executor::{Executor, PoolAccess};
use crate::group_sync::GroupSync;
use crate::health::StorageHealth;
use crate::idle::{IdleConnections, TEST_AFTER_IDLE};
use crate::metrics::DatabaseMetrics;
use crate::owner_filter::OwnerFilter;
use crate::policy::Scoped;
use crate::queue_time::QueueTime;
use crate::quota::Quota;
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::session_watch::SessionWatch;
use crate::shared_cache::SharedCache;
use crate::{Error, OwnedTables, Pooler, Reason, Scope, UserId, postgres, sqlite};

/// How to connect to the database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://FILE?mode=rwc` or `postgres://…`.
    pub url: String,
    /// Statements that run longer are cancelled (PostgreSQL); none for long-running work.
    pub statement_timeout: Option<Duration>,
    /// The maximum number of connections, besides the one of [`Database::for_readiness`].
    pub connections: u32,
    /// The pooler between this server and PostgreSQL.
    pub pooler: Pooler,
    /// Whether row-level security is enabled (PostgreSQL).
    pub row_security: bool,
    /// The durability of an acknowledged write (SQLite).
    pub synchronous: Synchronous,
    /// How long a writer waits for another one (SQLite).
    pub busy_timeout: Duration,
    /// Row quota per owner and table; none is unlimited.
    pub rows_per_owner: Option<u64>,
    /// The tables whose rows have an owner.
    pub owned_tables: OwnedTables,
    /// How long published rows of shared tables are cached; zero disables the cache.
    pub shared_cache_ttl: Duration,
}

/// The durability of an acknowledged write, on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Survives a loss of power: it waits for the disk, together with other commits.
    Full,
    /// Survives a crash of the server. A loss of power may lose the last commits, and corrupts nothing.
    Normal,
}

impl Options {
    /// The database at `url`, with one connection and the default options.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            statement_timeout: None,
            connections: 1,
            pooler: Pooler::Session,
            row_security: false,
            synchronous: Synchronous::Full,
            busy_timeout: DEFAULT_BUSY_TIMEOUT,
            rows_per_owner: None,
            owned_tables: OwnedTables::core(),
            shared_cache_ttl: Duration::ZERO,
        }
    }
}

/// How long a writer waits for another one on SQLite, by default.
const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval of attempts to open a locked database.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The connection pool, and the only constructor of scopes.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: Pool,
    /// The connection of readiness checks.
    readiness_pool: Pool,
    row_security: bool,
    pub(crate) owner_filter: OwnerFilter,
    pub(crate) quota: Quota,
    pub(crate) health: StorageHealth,
    pub(crate) owned_tables: OwnedTables,
    shared: SharedCache,
    /// The URL, if a pooler could begin to share the sessions of the pool.
    pub(crate) watched_url: Option<Arc<str>>,
}

impl Database {
    /// Opens the pool.
    ///
    /// # Errors
    /// When the URL is invalid or no server responds there.
    pub async fn connect(options: Options) -> Result<Self, Error> {
        Self::connect_observed(options, |_| {}).await
    }

    /// Opens the pool and calls `observe` with the SQL of each statement after it ran.
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
            postgres::reject_shared_sessions(&options.url).await?;
        }
        let row_security = options.row_security;
        let observe: Arc<Observe> = Arc::new(observe);
        let health = file.as_deref().map(StorageHealth::of).unwrap_or_default();
        let quota = Quota::of(options.rows_per_owner);
        let sessions = SessionWatch::default();
        let is_watched =
            options.pooler == Pooler::Session && postgres::is_postgres_url(&options.url);
        let watched_url = is_watched.then(|| Arc::from(options.url.as_str()));
        let pool = pool(&options, &health, &sessions, &observe).await?;
        let readiness_pool = match sqlite::is_in_memory(&options.url) {
            true => pool.clone(),
            false => open_readiness_pool(&options, &health, &sessions, &observe).await?,
        };
        let owner_filter = OwnerFilter::default();
        let shared = SharedCache::new(options.shared_cache_ttl);
        let owned_tables = options.owned_tables;
        Ok(Self {
            pool,
            readiness_pool,
            row_security,
            owner_filter,
            quota,
            health,
            owned_tables,
            shared,
            watched_url,
        })
    }

    /// The same database through a dedicated connection that is not shared with requests: it reports
    /// whether the database is available, not how busy it is.
    #[must_use]
    pub fn for_readiness(&self) -> Self {
        Self { pool: self.readiness_pool.clone(), ..self.clone() }
    }

    /// Registers the metrics of the pool, which has `connections`.
    pub fn register(&self, connections: u32, registry: &mut Registry) {
        self.pool.usage.metrics.register(connections, registry);
        self.pool.usage.sync.register(registry);
    }

    /// The scope of one caller; without an owner, of an anonymous one.
    #[must_use]
    pub fn scope(&self, owner: Option<UserId>) -> Scope {
        let client = match &owner {
            Some(owner) => Client::Caller(owner.as_str().into()),
            None => Client::Anonymous(std::net::Ipv6Addr::UNSPECIFIED.into()),
        };
        let (quota, tables) = (self.quota.clone(), self.owned_tables.clone());
        Scope::new(self.conn(client), owner, self.owner_filter, quota, tables)
    }

    pub(crate) fn conn(&self, client: Client) -> Conn {
        let access = PoolAccess::new(self.pool.clone(), client);
        Conn::new(access, self.row_security, self.health.clone(), self.shared.clone())
    }

    /// The pooler between this server and PostgreSQL; none on SQLite.
    #[must_use]
    pub fn pooler(&self) -> Option<Pooler> {
        match (self.pool.sea.get_database_backend(), self.pool.usage.only_transactions) {
            (DbBackend::Postgres, true) => Some(Pooler::Transaction),
            (DbBackend::Postgres, false) => Some(Pooler::Session),
            _ => None,
        }
    }

    /// Whether row-level security is enabled.
    #[must_use]
    pub fn row_security_enabled(&self) -> bool {
        self.row_security
    }

    /// Unscoped access, for the server's own work. `reason` states why no scope serves; every use is found
    /// by searching for `.system(`.
    #[must_use]
    pub fn system(&self, reason: &'static str) -> System<'_> {
        tracing::debug!(reason, "system access to the database");
        let tables = self.owned_tables.clone();
        System::new(&self.pool.sea, self.conn(Client::Server), tables)
    }

    /// Resets the cached row counts of `owner`: their rows changed without going through a scope.
    pub fn recount(&self, owner: &UserId) {
        self.quota.forget(owner);
    }

    /// How long the next statement of `client` waits for a connection. The client is asked for only while some wait.
    pub fn queue_time(&self, client: impl FnOnce() -> Client) -> QueueTime {
        self.pool.bulkhead.queue_time(client)
    }

    /// Discards the cached rows of shared tables: another node has written some.
    pub fn discard_shared_rows(&self) {
        self.shared.discard();
    }

    /// Notified of each write of this process to a shared table. None without a cache.
    #[must_use]
    pub fn shared_writes(&self) -> Option<watch::Receiver<()>> {
        self.shared.writes()
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let system = self.system("a health check reads no table");
        system.read(async |conn| conn.execute_unprepared("SELECT 1").await).await?;
        Ok(())
    }

    /// Closes every connection, after the running statements.
    ///
    /// # Errors
    /// When the driver could not close one.
    pub async fn close(self) -> Result<(), Error> {
        for pool in [self.readiness_pool, self.pool] {
            pool.idle.close().await?;
            pool.sea.close().await?;
        }
        Ok(())
    }
}

/// Opens the pool of requests.
async fn pool(
    options: &Options,
    health: &StorageHealth,
    sessions: &SessionWatch,
    observe: &Arc<Observe>,
) -> Result<Pool, Error> {
    let mut connect = connect_options(options, health.clone());
    connect.max_connections(options.connections);
    let sea = connected(connect, options, observe).await?;
    Ok(pooled(sea, options, options.connections, health, sessions, observe))
}

/// Opens the pool of readiness checks: one connection, opened on first use.
async fn open_readiness_pool(
    options: &Options,
    health: &StorageHealth,
    sessions: &SessionWatch,
    observe: &Arc<Observe>,
) -> Result<Pool, Error> {
    let mut connect = connect_options(options, health.clone());
    connect.max_connections(1).connect_lazy(true);
    Ok(pooled(connected(connect, options, observe).await?, options, 1, health, sessions, observe))
}

/// Opens a pool. Servers that create an SQLite file at the same time lock each other out for a moment,
/// despite the busy timeout.
#[expect(clippy::disallowed_methods, reason = "this is the one place that opens connections")]
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
        tokio::time::sleep(OPEN_RETRY_INTERVAL).await;
    }
}

/// What makes commits durable, if the database does not do so itself.
fn group_sync(options: &Options) -> GroupSync {
    let file = match options.synchronous {
        Synchronous::Full => sqlite::file(&options.url),
        Synchronous::Normal => None,
    };
    let file = file.filter(|_| !sqlite::is_in_memory(&options.url));
    // The log is beside the file that a symbolic link leads to.
    let file = file.map(|file| file.canonicalize().unwrap_or(file));
    file.as_deref().map(GroupSync::of).unwrap_or_default()
}

fn pooled(
    sea: DatabaseConnection,
    options: &Options,
    connections: u32,
    health: &StorageHealth,
    sessions: &SessionWatch,
    observe: &Arc<Observe>,
) -> Pool {
    let one_writer = sea.get_database_backend() == DbBackend::Sqlite;
    let only_transactions = options.pooler == Pooler::Transaction;
    let begin = match only_transactions {
        true => postgres::begin(options.statement_timeout, options.row_security),
        // A transaction may read before it writes, and SQLite does not let a writer wait whose snapshot
        // is outdated meanwhile.
        false if one_writer => "BEGIN IMMEDIATE".to_owned(),
        false => "BEGIN".to_owned(),
    };
    let usage = Usage {
        begin,
        only_transactions,
        observe: Arc::clone(observe),
        sessions: sessions.clone(),
        metrics: DatabaseMetrics::default(),
        sync: group_sync(options),
    };
    let bulkhead = Bulkhead::new(connections, one_writer, ACQUIRE_TIMEOUT);
    let idle = IdleConnections::new(sea.clone(), options.statement_timeout, health.clone());
    Pool {
        sea,
        idle: Arc::new(idle),
        #[cfg(feature = "testing")]
        connections,
        bulkhead,
        usage: Arc::new(usage),
    }
}

fn connect_options(options: &Options, health: StorageHealth) -> ConnectOptions {
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .min_connections(0)
        .test_before_acquire_if_idle_for(TEST_AFTER_IDLE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    connect.map_sqlx_postgres_before_acquire(move |_, connection| {
        let is_trusted = health.is_trusted(connection.age);
        Box::pin(async move { Ok(is_trusted) })
    });
    sqlite::set_up(&mut connect, options.busy_timeout);
    postgres::set_up(&mut connect, options);
    connect
}

/// Unscoped access, for migrations and for what the server itself writes.
pub struct System<'a> {
    pool: &'a DatabaseConnection,
    conn: Conn,
    owned_tables: OwnedTables,
}

impl<'a> System<'a> {
    pub(crate) fn new(pool: &'a DatabaseConnection, conn: Conn, owned_tables: OwnedTables) -> Self {
        Self { pool, conn, owned_tables }
    }

    /// The raw connection, for tests. With row-level security it sees no owned rows: it sets no context.
    /// Not for poolers that share sessions: its statements are named.
    #[must_use]
    pub fn connection(&self) -> &'a DatabaseConnection {
        self.pool
    }

    /// Runs `work`, which reads no owned rows.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr> + Clone,
    ) -> Result<T, Error> {
        self.conn.read(&RlsContext::Public, work).await
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    pub(crate) fn owned_tables(&self) -> &OwnedTables {
        &self.owned_tables
    }

    /// Runs `work` on tables without policies.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&RlsContext::Public, work).await
    }

    /// Runs `work` with access to every row.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        self.conn.run(&RlsContext::Server, work).await
    }

    /// Whether a table has no rows.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn is_empty<E: EntityTrait>(&self) -> Result<bool, Error>
    where
        E::Model: Sync,
    {
        Ok(self.run(async |conn| E::find().count(conn).await).await? == 0)
    }

    /// Inserts rows unchanged.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn insert_all<E: Scoped>(&self, mut rows: Vec<E::ActiveModel>) -> Result<(), Error> {
        rows.iter_mut().for_each(E::derive);
        let insert = E::insert_many(rows);
        let insert = async |conn: &Executor<'_>| insert.exec_without_returning(conn).await;
        self.conn.run_on_shared(&RlsContext::Server, insert).await?;
        Ok(())
    }
}
