//! Storage health: detects a full or read-only disk before the next write fails, and remembers failed writes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};
use sea_orm::{
    ConnectionTrait as _, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait as _,
};

use crate::{Database, Error, Reason};

/// How long a failed write is remembered.
const FAILURE_TTL: Duration = Duration::from_secs(10);
/// With less free space than this, the disk of an SQLite database is full: one request may write as much.
const MIN_FREE_BYTES: u64 = 64 * 1024;

/// A write that changes no row, to the table of applied migrations.
const PROBE_STATEMENT: &str = "DELETE FROM seaql_migrations WHERE version IS NULL";

/// The health of the database's storage. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct StorageHealth(Arc<State>);

#[derive(Default)]
struct State {
    failed: Mutex<Option<(Instant, Reason)>>,
    /// Held during a write probe: one at a time.
    probe_lock: Arc<tokio::sync::Mutex<()>>,
    /// The directory of an SQLite database.
    directory: Option<PathBuf>,
    /// When a connection was lost. Connections opened before are not used again: after a restart of the
    /// database all of them are dead, and each would fail a request.
    lost: Mutex<Option<Instant>>,
}

impl StorageHealth {
    /// For the SQLite database in `file`.
    pub(crate) fn of(file: &Path) -> Self {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Self(Arc::new(State { directory: Some(directory.to_owned()), ..State::default() }))
    }

    /// Records a failed statement if storage or the connection is the cause.
    pub(crate) fn note(&self, error: &Error) {
        if error.reason() == Some(Reason::ConnectionLost) {
            self.distrust_connections();
        }
        if let Some(reason) = error.reason().filter(|reason| reason.is_storage_failure()) {
            *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((Instant::now(), reason));
        }
    }

    /// Closes each connection that is open now, in place of its next use.
    pub(crate) fn distrust_connections(&self) {
        *self.0.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age was opened after the last one was lost.
    pub(crate) fn is_trusted(&self, age: Duration) -> bool {
        let lost = *self.0.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| lost.elapsed() > age)
    }

    fn recent_failure(&self) -> Option<Reason> {
        let failed = *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.filter(|(when, _)| when.elapsed() < FAILURE_TTL).map(|(_, reason)| reason)
    }

    fn disk_problem(&self) -> Option<Reason> {
        // An unreadable directory is reported when a file in it is opened.
        let disk = statvfs(self.0.directory.as_deref()?).ok()?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Some(Reason::ReadOnly);
        }
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        (free < MIN_FREE_BYTES).then_some(Reason::DiskFull)
    }
}

impl Database {
    /// Checks that the database is writable, without changing it. Fails for ten seconds after a failed
    /// write.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub async fn check_writable(&self) -> Result<(), Reason> {
        if let Some(reason) = self.health.disk_problem() {
            return Err(reason);
        }
        match self.try_to_write().await {
            Err(error) => match error.reason() {
                // Another connection is writing.
                Some(Reason::Locked) => {}
                Some(reason) if reason.is_storage_failure() => return Err(reason),
                // Availability is checked elsewhere.
                Some(_) | None => {}
            },
            Ok(true) => {}
            Ok(false) => return Err(Reason::ReadOnly),
        }
        self.health.recent_failure().map_or(Ok(()), Err)
    }

    /// Tries to write in a transaction that is rolled back.
    async fn try_to_write(&self) -> Result<bool, Error> {
        let pool = self.pool.sea.clone();
        if pool.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT current_setting('transaction_read_only') = 'off' AS writable";
            let query = Statement::from_string(DbBackend::Postgres, sql);
            let system = self.system("a health check reads no table");
            let rows = system.read(async |conn| conn.query_all_raw(query).await).await?;
            return Ok(match rows.first() {
                Some(row) => row.try_get("", "writable")?,
                None => true,
            });
        }
        let Ok(probe_lock) = Arc::clone(&self.health.0.probe_lock).try_lock_owned() else {
            return Ok(true);
        };
        // A task of its own, which continues if the caller is cancelled: the driver rolls back only
        // transactions that it knows to have begun.
        let tried = tokio::spawn(async move {
            let _probe_lock = probe_lock;
            let transaction = pool.begin_with_options(immediate()).await?;
            // A read-only SQLite database lets a transaction begin, and rejects the first write.
            let tried = transaction.execute_unprepared(PROBE_STATEMENT).await;
            transaction.rollback().await?;
            tried.map(|_| ())
        });
        let tried: Result<(), DbErr> =
            tried.await.map_err(|_| DbErr::Custom("the server is shutting down".into()))?;
        Ok(tried.map(|()| true)?)
    }
}

/// A transaction that holds SQLite's write lock from its beginning.
pub(crate) fn immediate() -> TransactionOptions {
    let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
    TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() }
}
