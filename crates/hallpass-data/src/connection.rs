//! A pooled connection, held for a statement or a transaction, on which SeaORM's statements run.
//!
//! The connection and its [`Permit`] are released together. A statement whose caller was cancelled still
//! runs in the database; both are kept until it ends, so that a client cannot exceed its share by cancelling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sea_orm::prelude::async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, query_with};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::bulkhead::{ACQUIRE_TIMEOUT, Bulkhead, Client, Permit, Work};
use crate::deadline::Deadline;
use crate::group_sync::GroupSync;
use crate::idle::{IdleConnections, Open, Raw, with_either};
use crate::metrics::{Counted, DatabaseMetrics, DatabaseTime, Measured};
use crate::session_watch::SessionWatch;
use crate::trace;

/// The pool of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    /// SeaORM's handle of the driver's pool, for migrations.
    pub(crate) sea: DatabaseConnection,
    pub(crate) idle: Arc<IdleConnections>,
    /// The maximum number of connections.
    #[cfg(feature = "testing")]
    pub(crate) connections: u32,
    pub(crate) bulkhead: Arc<Bulkhead>,
    pub(crate) usage: Arc<Usage>,
}

/// A callback that receives the SQL of a statement.
pub(crate) type Observe = dyn Fn(&str) + Send + Sync;

/// Settings of the connections.
pub(crate) struct Usage {
    /// The SQL that begins a transaction.
    pub(crate) begin: String,
    /// Whether every statement runs in a transaction, without named prepared statements: for a pooler that
    /// keeps a session for one transaction only.
    pub(crate) only_transactions: bool,
    /// Called with the SQL of each prepared statement after it ran.
    pub(crate) observe: Arc<Observe>,
    /// Rejects statements while a pooler shares sessions.
    pub(crate) sessions: SessionWatch,
    pub(crate) metrics: DatabaseMetrics,
    /// Makes a commit durable before it is acknowledged.
    pub(crate) sync: GroupSync,
}

/// How long a statement may run on after its caller was cancelled. Then the connection is closed.
const ABANDONED_TIMEOUT: Duration = Duration::from_secs(30);

impl Pool {
    /// Waits for a connection slot of the request, then for a permit of `client`, then for an open connection. Adds the
    /// wait, also one that fails, and the statements to `time`.
    pub(crate) async fn acquire(
        &self,
        client: &Client,
        of_request: &Arc<Semaphore>,
        work: Work,
        time: &DatabaseTime,
    ) -> Result<Connection, DbErr> {
        self.usage.sessions.check()?;
        let measured = time.measure();
        let taken = trace::wait_for_connection(self.take(client, of_request, work)).await;
        drop(measured);
        let (open, permits, counted) = taken?;
        let lease = Lease {
            open: Mutex::new(Some(open)),
            time: time.clone(),
            _counted: counted,
            permits: Some(permits),
            backend: self.sea.get_database_backend(),
            idle: Arc::clone(&self.idle),
            usage: Arc::clone(&self.usage),
            depth: AtomicUsize::new(0),
            writes: work.writes(),
            must_test: AtomicBool::new(false),
        };
        Ok(Connection { lease: Arc::new(lease), level: 0 })
    }

    /// A connection with its permits, counted as in use.
    async fn take(
        &self,
        client: &Client,
        of_request: &Arc<Semaphore>,
        work: Work,
    ) -> Result<(Open, Permits, Counted), DbErr> {
        let waiting = self.usage.metrics.waiting();
        let timed_out = DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        let slot = match Arc::clone(of_request).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => {
                let slot = Arc::clone(of_request).acquire_owned();
                let Ok(Ok(slot)) = timeout(ACQUIRE_TIMEOUT, slot).await else {
                    return Err(timed_out);
                };
                slot
            }
        };
        let permit = self.bulkhead.acquire(client, work).await.ok_or(timed_out)?;
        drop(waiting);
        let counted = self.usage.metrics.in_use();
        Ok((self.idle.take().await?, (permit, slot), counted))
    }
}

fn execution_error(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

/// A connection, or a transaction on one, or a savepoint within that. A transaction that is dropped
/// without [`commit`](Connection::commit) is rolled back.
pub struct Connection {
    lease: Arc<Lease>,
    /// 0 outside of a transaction, 1 in one, more in a savepoint.
    level: usize,
}

impl Connection {
    /// Begins a transaction, or a savepoint within the one that is open.
    pub(crate) async fn begin(&self) -> Result<Self, DbErr> {
        let level = self.level + 1;
        let sql = match self.level {
            0 => self.lease.usage.begin.clone(),
            _ => format!("SAVEPOINT level_{level}"),
        };
        // Set before it is sent: a caller that is cancelled meanwhile leaves a transaction to roll back.
        self.lease.depth.store(level, Ordering::Release);
        self.control(sql).await?;
        Ok(Self { lease: Arc::clone(&self.lease), level })
    }

    /// Commits the transaction, or releases the savepoint.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        if self.lease.depth.load(Ordering::Acquire) != self.level {
            return Err(DbErr::Custom("a savepoint of the transaction is still open".into()));
        }
        let (level, usage) = (self.level, Arc::clone(&self.lease.usage));
        let time = self.lease.time.clone();
        self.end("COMMIT", "RELEASE SAVEPOINT").await?;
        let _measured = time.measure();
        match level {
            1 => usage.sync.sync().await,
            _ => Ok(()),
        }
    }

    /// Rolls back the transaction, or to the savepoint.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        self.end("ROLLBACK", "ROLLBACK TO SAVEPOINT").await
    }

    /// Commits the transaction of one statement, if there is one, or rolls it back if the statement failed.
    pub(crate) async fn close<T>(self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        // Boxed, as in the rest of this file: each statement would move the large futures of rare cases.
        match (self.level, &done) {
            (0, Ok(_)) if self.lease.writes => Box::pin(self.sync()).await?,
            (0, _) => {}
            (_, Ok(_)) => Box::pin(self.commit()).await?,
            // The first error is returned. If this fails, releasing the connection rolls back.
            (_, Err(_)) => drop(Box::pin(self.rollback()).await),
        }
        done
    }

    /// Makes the statement that ran durable. The connection is released before: others write meanwhile.
    async fn sync(self) -> Result<(), DbErr> {
        let usage = Arc::clone(&self.lease.usage);
        let _measured = self.lease.time.measure();
        drop(self);
        usage.sync.sync().await
    }

    async fn end(self, transaction: &str, savepoint: &str) -> Result<(), DbErr> {
        let sql = match self.level {
            1 => transaction.to_owned(),
            level => format!("{savepoint} level_{level}"),
        };
        self.control(sql).await?;
        self.lease.depth.store(self.level - 1, Ordering::Release);
        Ok(())
    }

    /// Runs statements that are not prepared.
    async fn control(&self, sql: String) -> Result<ExecResult, DbErr> {
        let mut running = self.lease.run().await?;
        let done = with_either!(&mut running.open()?.raw, connection => {
            connection.execute(AssertSqlSafe(sql)).await.map(ExecResult::from)
        });
        self.ended(running, done.is_err()).await;
        done.inspect_err(|error| self.lease.usage.sessions.note(error)).map_err(execution_error)
    }

    /// Records that a statement ended. On SQLite, a statement that failed after one of its triggers wrote to a
    /// full-text index leaves its read transaction open: the next write on this connection would fail with
    /// SQLITE_BUSY_SNAPSHOT. Another read ends it.
    async fn ended(&self, mut running: Running<'_>, failed: bool) {
        self.lease.usage.metrics.statement(running.measured.elapsed(), failed);
        let is_autocommit = self.lease.depth.load(Ordering::Acquire) == 0;
        if let Ok(Open { raw, deadline, .. }) = running.open() {
            deadline.iter().for_each(Deadline::clear);
            if let (true, true, Raw::Sqlite(connection)) = (failed, is_autocommit, raw)
                && let Err(error) = Box::pin(connection.execute("PRAGMA user_version")).await
            {
                tracing::warn!(%error, "a read transaction may be open");
            }
        }
        if !failed {
            running.succeeded();
        }
    }
}

#[async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.lease.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (sql, values) = parts(statement);
        let named = !self.lease.usage.only_transactions;
        let mut running = self.lease.run().await?;
        let done = with_either!(&mut running.open()?.raw, connection => {
            let query = query_with(AssertSqlSafe(sql.as_str()), values).persistent(named);
            trace::statement(&sql, query.execute(&mut *connection)).await.map(ExecResult::from)
        });
        self.ended(running, done.is_err()).await;
        (self.lease.usage.observe)(&sql);
        done.inspect_err(|error| self.lease.usage.sessions.note(error)).map_err(execution_error)
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
        let named = !self.lease.usage.only_transactions;
        let mut running = self.lease.run().await?;
        let done = with_either!(&mut running.open()?.raw, connection => {
            let query = query_with(AssertSqlSafe(sql.as_str()), values).persistent(named);
            trace::statement(&sql, async {
                let mut steps = connection.fetch_many(query);
                let mut rows = Vec::new();
                while let Some(step) = steps.try_next().await? {
                    rows.extend(step.right().map(QueryResult::from));
                }
                Ok(rows)
            })
            .await
        });
        self.ended(running, done.is_err()).await;
        (self.lease.usage.observe)(&sql);
        done.inspect_err(|error| self.lease.usage.sessions.note(error)).map_err(query_error)
    }
}

fn parts(statement: Statement) -> (String, SqlxValues) {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    (statement.sql, SqlxValues(values))
}

type Permits = (Permit, OwnedSemaphorePermit);

/// A checked-out connection, released when the last of its [`Connection`]s is dropped.
struct Lease {
    open: Mutex<Option<Open>>,
    /// The permit of its client, and the slot of its request.
    permits: Option<Permits>,
    backend: DbBackend,
    idle: Arc<IdleConnections>,
    usage: Arc<Usage>,
    /// How many transactions and savepoints are open.
    depth: AtomicUsize,
    /// Whether it may write.
    writes: bool,
    /// Whether a statement runs, or its caller was cancelled while it did, or one failed: the connection may be lost.
    must_test: AtomicBool,
    time: DatabaseTime,
    /// Counts this connection as in use.
    _counted: Counted,
}

/// A running statement.
struct Running<'a> {
    open: MutexGuard<'a, Option<Open>>,
    must_test: &'a AtomicBool,
    measured: Measured,
}

impl Running<'_> {
    fn open(&mut self) -> Result<&mut Open, DbErr> {
        let closed = DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
        self.open.as_mut().ok_or(closed)
    }

    fn succeeded(self) {
        self.must_test.store(false, Ordering::Release);
    }
}

impl Lease {
    async fn run(&self) -> Result<Running<'_>, DbErr> {
        self.usage.sessions.check()?;
        let open = self.open.lock().await;
        self.must_test.store(true, Ordering::Release);
        open.iter().flat_map(|open| &open.deadline).for_each(Deadline::start);
        Ok(Running { open, must_test: &self.must_test, measured: self.time.measure() })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(open) = self.open.get_mut().take() else { return };
        let in_transaction = *self.depth.get_mut() > 0;
        if !in_transaction && !*self.must_test.get_mut() {
            self.idle.put(open);
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (idle, permits) = (Arc::clone(&self.idle), self.permits.take());
            runtime.spawn(clean_up(open, in_transaction, idle, permits));
        }
    }
}

/// Waits until an abandoned statement ends, rolls back an open transaction, and releases the connection. Closes it if the
/// database does not respond.
async fn clean_up(
    mut open: Open,
    in_transaction: bool,
    idle: Arc<IdleConnections>,
    permits: Option<Permits>,
) {
    let cleaned = async {
        with_either!(&mut open.raw, connection => match in_transaction {
            true => connection.execute("ROLLBACK").await.map(|_| ()),
            false => connection.ping().await,
        })
    };
    let cleaned = timeout(ABANDONED_TIMEOUT, cleaned).await;
    open.deadline.iter().for_each(Deadline::clear);
    match (cleaned, &open.raw) {
        // On SQLite an error may have rolled back already.
        (Ok(Ok(())), _) | (Ok(Err(_)), Raw::Sqlite(_)) => idle.put(open),
        _ => drop(open),
    }
    drop(permits);
}

#[cfg(test)]
mod tests;
