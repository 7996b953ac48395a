//! Whether the database can be written: a disk that is full, or was mounted read-only, is told of before
//! the next write fails, and after one did.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};
use sea_orm::{
    ConnectionTrait as _, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait as _,
};

use crate::{Database, Error, Reason};

/// How long a write that failed counts.
const FAILURE_MEMORY: Duration = Duration::from_secs(10);
/// Less room than this on the disk of an SQLite database is none, in bytes: one request may write as much.
const MIN_FREE_BYTES: u64 = 64 * 1024;

/// A change of no row, of the table in which migrations are kept.
const PROBE_STATEMENT: &str = "DELETE FROM seaql_migrations WHERE version IS NULL";

/// What the database is stored on, as far as it is known. Every clone is the same.
#[derive(Clone, Default)]
pub(crate) struct StorageHealth {
    failed: Arc<Mutex<Option<(Instant, Reason)>>>,
    /// Held while it is tried whether the database can be written: one try at a time.
    trying: Arc<tokio::sync::Mutex<()>>,
    /// The directory of an SQLite database.
    directory: Option<PathBuf>,
    /// When a connection was lost. Those made before are not used again: after a restart of the database
    /// all of them are dead, and each would fail a request.
    lost: Arc<Mutex<Option<Instant>>>,
}

impl StorageHealth {
    /// For the SQLite database in `file`.
    pub(crate) fn of(file: &Path) -> Self {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Self { directory: Some(directory.to_owned()), ..Self::default() }
    }

    /// Remembers that a statement failed because of what the database is stored on.
    pub(crate) fn note(&self, error: &Error) {
        if error.reason() == Some(Reason::ConnectionLost) {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        if let Some(reason) = error.reason().filter(|reason| reason.is_of_storage()) {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((Instant::now(), reason));
        }
    }

    /// Whether a connection of this age was made after the last one that was lost.
    pub(crate) fn is_trusted(&self, age: Duration) -> bool {
        let lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| lost.elapsed() > age)
    }

    fn failed_of_late(&self) -> Option<Reason> {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.filter(|(when, _)| when.elapsed() < FAILURE_MEMORY).map(|(_, reason)| reason)
    }

    fn no_room(&self) -> Option<Reason> {
        // A directory that cannot be read is reported when a file in it is opened.
        let disk = statvfs(self.directory.as_deref()?).ok()?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Some(Reason::ReadOnly);
        }
        let room = disk.f_bavail.saturating_mul(disk.f_frsize);
        (room < MIN_FREE_BYTES).then_some(Reason::DiskFull)
    }
}

impl Database {
    /// Whether the database can be written, as far as that can be known without writing to it. After a
    /// write that failed, ten seconds have to pass.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub async fn check_writable(&self) -> Result<(), Reason> {
        if let Some(reason) = self.health.no_room() {
            return Err(reason);
        }
        match self.try_to_write().await {
            Err(error) => match error.reason() {
                // Another connection writes.
                Some(Reason::Locked) => {}
                Some(reason) if reason.is_of_storage() => return Err(reason),
                // Whether it answers at all is not asked here.
                Some(_) | None => {}
            },
            Ok(true) => {}
            Ok(false) => return Err(Reason::ReadOnly),
        }
        self.health.failed_of_late().map_or(Ok(()), Err)
    }

    /// Whether a transaction may write.
    async fn try_to_write(&self) -> Result<bool, Error> {
        let pool = self.pool.sea.clone();
        if pool.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT current_setting('transaction_read_only') = 'off' AS writable";
            let asked = Statement::from_string(DbBackend::Postgres, sql);
            let system = self.system("whether it is read-only is not in a table");
            let rows = system.read(async |conn| conn.query_all_raw(asked).await).await?;
            return Ok(match rows.first() {
                Some(row) => row.try_get("", "writable")?,
                None => true,
            });
        }
        let Ok(trying) = Arc::clone(&self.health.trying).try_lock_owned() else {
            return Ok(true);
        };
        // In a task of its own, which goes on when the caller is gone: the driver rolls back only what it
        // knows to have begun.
        let tried = tokio::spawn(async move {
            let _trying = trying;
            let transaction = pool.begin_with_options(immediate()).await?;
            // Where SQLite only reads, it lets a transaction begin, and refuses the first change.
            let tried = transaction.execute_unprepared(PROBE_STATEMENT).await;
            transaction.rollback().await?;
            tried.map(|_| ())
        });
        let tried: Result<(), DbErr> =
            tried.await.map_err(|_| DbErr::Custom("the server stops".into()))?;
        Ok(tried.map(|()| true)?)
    }
}

/// A transaction that has the one writer's place of SQLite from its beginning.
pub(crate) fn immediate() -> TransactionOptions {
    let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
    TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() }
}
