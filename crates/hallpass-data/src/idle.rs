//! The connections of a pool that no statement uses.
//!
//! The driver's own pool sends the database a message whenever a connection is released, and waits for the response:
//! a second round trip per statement. Here a connection is tested only before its next use, and only after it was idle.
//! The driver's pool opens the connections. The [`Bulkhead`](crate::bulkhead::Bulkhead) limits their number.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnAcquireErr, DatabaseConnection, DbBackend, DbErr, RuntimeErr};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::bulkhead::ACQUIRE_TIMEOUT;
use crate::deadline::Deadline;
use crate::health::StorageHealth;

/// Connections that were idle for longer are tested before use.
pub(crate) const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// Connections that were idle for longer are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Connections that were opened longer ago are closed: it bounds the memory of their sessions.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A connection of the driver.
pub(crate) enum Raw {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs the same code with either kind of connection.
macro_rules! with_either {
    ($raw:expr, $connection:ident => $work:expr) => {
        match $raw {
            $crate::idle::Raw::Postgres($connection) => $work,
            $crate::idle::Raw::Sqlite($connection) => $work,
        }
    };
}
pub(crate) use with_either;

/// An open connection.
pub(crate) struct Open {
    pub(crate) raw: Raw,
    /// The deadline of its statements, on SQLite.
    pub(crate) deadline: Option<Deadline>,
    since: Instant,
}

/// A connection, and since when it is idle.
struct Idle {
    open: Open,
    since: Instant,
}

/// The idle connections of one pool: the last one that was released is used first.
pub(crate) struct IdleConnections {
    /// Opens connections.
    driver: DatabaseConnection,
    statement_timeout: Option<Duration>,
    health: StorageHealth,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    is_closed: bool,
}

impl IdleConnections {
    pub(crate) fn new(
        driver: DatabaseConnection,
        statement_timeout: Option<Duration>,
        health: StorageHealth,
    ) -> Self {
        Self { driver, statement_timeout, health, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, or a new one. Only the first is taken without an allocation: the other futures are large, and
    /// each statement would move them.
    pub(crate) async fn take(&self) -> Result<Open, DbErr> {
        while let Some(Idle { open, since }) = self.pop()? {
            let is_usable =
                open.since.elapsed() < MAX_LIFETIME && self.health.is_trusted(open.since.elapsed());
            if is_usable && since.elapsed() < TEST_AFTER_IDLE {
                return Ok(open);
            }
            if is_usable && let Some(open) = Box::pin(tested(open)).await {
                return Ok(open);
            }
        }
        Box::pin(self.open()).await
    }

    fn pop(&self) -> Result<Option<Idle>, DbErr> {
        let mut state = self.state();
        match state.is_closed {
            true => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            false => Ok(state.idle.pop()),
        }
    }

    /// Opens a connection. The driver repeats its attempts while the database is starting.
    async fn open(&self) -> Result<Open, DbErr> {
        let raw = match self.driver.get_database_backend() {
            DbBackend::Postgres => {
                let connection = self.driver.get_postgres_connection_pool().acquire().await;
                connection.map(|connection| Raw::Postgres(connection.detach()))
            }
            _ => {
                let connection = self.driver.get_sqlite_connection_pool().acquire().await;
                connection.map(|connection| Raw::Sqlite(connection.detach()))
            }
        };
        let mut raw = raw.map_err(acquire_error)?;
        let deadline = match (&mut raw, self.statement_timeout) {
            (Raw::Sqlite(connection), Some(timeout)) => {
                Some(Deadline::install(connection, timeout).await.map_err(acquire_error)?)
            }
            _ => None,
        };
        Ok(Open { raw, deadline, since: Instant::now() })
    }

    /// Keeps `open` for the next statement. No statement runs on it, and no transaction is open.
    pub(crate) fn put(&self, open: Open) {
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        state.idle.push(Idle { open, since: Instant::now() });
        // The first one is idle for the longest time.
        let oldest = state.idle.first().filter(|idle| idle.since.elapsed() > IDLE_TIMEOUT);
        let expired = oldest.is_some().then(|| state.idle.remove(0));
        drop(state);
        drop(expired);
    }

    /// Closes the idle connections. Those in use are closed when they are released.
    pub(crate) async fn close(&self) -> Result<(), DbErr> {
        let idle = {
            let mut state = self.state();
            state.is_closed = true;
            std::mem::take(&mut state.idle)
        };
        for Idle { open, .. } in idle {
            let closed = with_either!(open.raw, connection => connection.close().await);
            closed.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        }
        Ok(())
    }
}

/// The connection, if the database responds on it. SQLite's is in this process.
async fn tested(mut open: Open) -> Option<Open> {
    if let Raw::Postgres(connection) = &mut open.raw {
        tokio::time::timeout(ACQUIRE_TIMEOUT, connection.ping()).await.ok()?.ok()?;
    }
    Some(open)
}

fn acquire_error(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}
