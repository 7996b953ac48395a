//! One connection, held for a statement or a transaction: what SeaORM's statements run on.
//!
//! The connection and its [`Permit`] go back together. A statement whose caller is gone still runs in the
//! database; both are kept until it has ended, so that a client gets no more than its share by leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Postgres, Sqlite, query_with};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::bulkhead::{Bulkhead, Client, Permit, Work};

/// The pool of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    /// The driver's pool, as SeaORM has it.
    pub(crate) sea: DatabaseConnection,
    pub(crate) bulkhead: Arc<Bulkhead>,
    pub(crate) usage: Arc<Usage>,
}

/// Called with the text of a statement.
pub(crate) type Observe = dyn Fn(&str) + Send + Sync;

/// How connections are used.
pub(crate) struct Usage {
    /// What begins a transaction.
    pub(crate) begin: String,
    /// Whether every statement runs in a transaction, and none is prepared under a name that lives as long
    /// as the connection: for a pooler that keeps a session together for no longer.
    pub(crate) only_transactions: bool,
    /// Called with the text of each prepared statement after it ran.
    pub(crate) observe: Arc<Observe>,
}

/// How long a connection is waited for before the database counts as unavailable.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement whose caller is gone may take to end. Then the connection is closed.
const ABANDONED_TIMEOUT: Duration = Duration::from_secs(30);

enum Raw {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

/// Does the same with either kind of connection.
macro_rules! with_either {
    ($raw:expr, $connection:ident => $work:expr) => {
        match $raw {
            Raw::Postgres($connection) => $work,
            Raw::Sqlite($connection) => $work,
        }
    };
}

impl Pool {
    /// Waits for one of the connections that the request may hold, then for the turn of `client`.
    pub(crate) async fn acquire(
        &self,
        client: &Client,
        of_request: &Arc<Semaphore>,
        work: Work,
    ) -> Result<Connection, DbErr> {
        let waited = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        let slot =
            tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(of_request).acquire_owned()).await;
        let Ok(Ok(slot)) = slot else { return Err(waited) };
        let permit = self.bulkhead.acquire(client, work).await.ok_or(waited)?;
        let backend = self.sea.get_database_backend();
        let raw = match backend {
            DbBackend::Postgres => {
                self.sea.get_postgres_connection_pool().acquire().await.map(Raw::Postgres)
            }
            _ => self.sea.get_sqlite_connection_pool().acquire().await.map(Raw::Sqlite),
        };
        let held = Held {
            raw: Mutex::new(Some(raw.map_err(not_acquired)?)),
            taken: Some((permit, slot)),
            backend,
            usage: Arc::clone(&self.usage),
            depth: AtomicUsize::new(0),
            is_busy: AtomicBool::new(false),
        };
        Ok(Connection { held: Arc::new(held), level: 0 })
    }
}

fn not_acquired(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

fn execution_failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// A connection, or a transaction on one, or a savepoint within that. Dropped without
/// [`commit`](Connection::commit), a transaction leaves nothing behind.
pub struct Connection {
    held: Arc<Held>,
    /// 0 is in no transaction, 1 in one, more in a savepoint.
    level: usize,
}

impl Connection {
    /// Begins a transaction, or a savepoint within the one that is open.
    pub(crate) async fn begin(&self) -> Result<Self, DbErr> {
        let level = self.level + 1;
        let sql = match self.level {
            0 => self.held.usage.begin.clone(),
            _ => format!("SAVEPOINT level_{level}"),
        };
        // Counted before it is sent: a caller that leaves meanwhile leaves a transaction to roll back.
        self.held.depth.store(level, Ordering::Release);
        self.control(sql).await?;
        Ok(Self { held: Arc::clone(&self.held), level })
    }

    /// Makes lasting what was done in this transaction, or keeps what was done since this savepoint.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        if self.held.depth.load(Ordering::Acquire) != self.level {
            return Err(DbErr::Custom("a savepoint of the transaction was never ended".into()));
        }
        self.end("COMMIT", "RELEASE SAVEPOINT").await
    }

    /// Takes back what was done in this transaction, or since this savepoint.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        self.end("ROLLBACK", "ROLLBACK TO SAVEPOINT").await
    }

    /// Commits the transaction of one statement, if it is in one, or rolls it back where that failed.
    pub(crate) async fn close<T>(self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        match (self.level, &done) {
            (0, _) => {}
            (_, Ok(_)) => self.commit().await?,
            // The first error counts. What is not rolled back here is when the connection goes back.
            (_, Err(_)) => drop(self.rollback().await),
        }
        done
    }

    async fn end(self, transaction: &str, savepoint: &str) -> Result<(), DbErr> {
        let sql = match self.level {
            1 => transaction.to_owned(),
            level => format!("{savepoint} level_{level}"),
        };
        self.control(sql).await?;
        self.held.depth.store(self.level - 1, Ordering::Release);
        Ok(())
    }

    /// Runs statements that are not prepared.
    async fn control(&self, sql: String) -> Result<ExecResult, DbErr> {
        let mut running = self.held.run().await?;
        let done = with_either!(running.raw()?, connection => {
            connection.execute(AssertSqlSafe(sql)).await.map(ExecResult::from)
        });
        self.ended(running, done.is_err()).await;
        done.map_err(execution_failed)
    }

    /// Notes that a statement has ended. On SQLite, one that failed after a trigger of it wrote to a full-text
    /// index leaves its read transaction open: what is written next on this connection would fail with
    /// SQLITE_BUSY_SNAPSHOT. The end of another read ends it.
    async fn ended(&self, mut running: Running<'_>, failed: bool) {
        let is_autocommit = self.held.depth.load(Ordering::Acquire) == 0;
        if let (true, true, Ok(Raw::Sqlite(connection))) = (failed, is_autocommit, running.raw())
            && let Err(error) = connection.execute("PRAGMA user_version").await
        {
            tracing::warn!(%error, "a read transaction may be open");
        }
        running.ended();
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.held.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (sql, values) = parts(statement);
        let named = !self.held.usage.only_transactions;
        let mut running = self.held.run().await?;
        let done = with_either!(running.raw()?, connection => {
            let query = query_with(AssertSqlSafe(sql.as_str()), values).persistent(named);
            query.execute(&mut **connection).await.map(ExecResult::from)
        });
        self.ended(running, done.is_err()).await;
        (self.held.usage.observe)(&sql);
        done.map_err(execution_failed)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.control(sql.to_owned()).await
    }

    /// Runs the statement to its end, as [`query_all_raw`](Self::query_all_raw) does: on SQLite, a
    /// statement commits after its last row.
    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, values) = parts(statement);
        let named = !self.held.usage.only_transactions;
        let mut running = self.held.run().await?;
        let done = with_either!(running.raw()?, connection => {
            let query = query_with(AssertSqlSafe(sql.as_str()), values).persistent(named);
            let rows = query.fetch_all(&mut **connection).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        });
        self.ended(running, done.is_err()).await;
        (self.held.usage.observe)(&sql);
        done.map_err(query_failed)
    }
}

fn parts(statement: Statement) -> (String, SqlxValues) {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    (statement.sql, SqlxValues(values))
}

type Taken = (Permit, OwnedSemaphorePermit);

/// What goes back when the last of its [`Connection`]s is dropped.
struct Held {
    raw: Mutex<Option<Raw>>,
    /// What the connection counts in: the share of its client, and of its request.
    taken: Option<Taken>,
    backend: DbBackend,
    usage: Arc<Usage>,
    /// How many transactions and savepoints are open.
    depth: AtomicUsize,
    /// A statement runs, or its caller left while it did.
    is_busy: AtomicBool,
}

/// A statement that runs.
struct Running<'a> {
    raw: MutexGuard<'a, Option<Raw>>,
    is_busy: &'a AtomicBool,
}

impl Running<'_> {
    fn raw(&mut self) -> Result<&mut Raw, DbErr> {
        let closed = DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
        self.raw.as_mut().ok_or(closed)
    }

    fn ended(self) {
        self.is_busy.store(false, Ordering::Release);
    }
}

impl Held {
    async fn run(&self) -> Result<Running<'_>, DbErr> {
        let raw = self.raw.lock().await;
        self.is_busy.store(true, Ordering::Release);
        Ok(Running { raw, is_busy: &self.is_busy })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(raw) = self.raw.get_mut().take() else { return };
        let is_open = *self.depth.get_mut() > 0;
        if is_open || *self.is_busy.get_mut() {
            let taken = self.taken.take();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(settle(raw, is_open, taken));
            }
        }
    }
}

/// Waits until what was left running has ended, takes back what was left open, and gives all back.
async fn settle(mut raw: Raw, is_open: bool, taken: Option<Taken>) {
    let settled = async {
        with_either!(&mut raw, connection => match is_open {
            true => connection.execute("ROLLBACK").await.map(|_| ()),
            false => connection.ping().await,
        })
    };
    let settled = tokio::time::timeout(ABANDONED_TIMEOUT, settled).await;
    match (settled, &mut raw) {
        // On SQLite an error may have rolled back already; then there is nothing to roll back.
        (Ok(Ok(())), _) | (Ok(Err(_)), Raw::Sqlite(_)) => {}
        _ => with_either!(&mut raw, connection => connection.close_on_drop()),
    }
    drop((raw, taken));
}
