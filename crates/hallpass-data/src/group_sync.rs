//! Group commit on SQLite: commits that end at about the same time wait for one write to the disk.
//!
//! With `synchronous=FULL`, SQLite syncs its write-ahead log at the end of each transaction, while it holds the write
//! lock: 50 concurrent writers wait for 50 syncs, one after the other. Here the connections use `synchronous=NORMAL`,
//! which writes the log and does not sync it, and each write syncs the log after its commit, before it is acknowledged:
//! without the lock, and together with the other writes that have committed by then.
//!
//! What is in the log and not synced may be lost with the power, and nothing else is: a transaction is never lost in
//! part, nor before one that was committed earlier (<https://sqlite.org/wal.html>, section 2.2). Other connections see it
//! before it is synced. After a sync that failed, the kernel reports no later one as failed that misses the same pages,
//! so that no write is acknowledged until the server has been restarted.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Syncs the write-ahead log of one database. Clones share the rounds. By default there is nothing to sync.
#[derive(Clone, Default)]
pub(crate) struct GroupSync(Option<Arc<Rounds>>);

struct Rounds {
    /// The write-ahead log.
    log: PathBuf,
    /// Whether a sync failed.
    has_failed: AtomicBool,
    /// The number of rounds that have begun.
    begun: AtomicU64,
    /// The last round that succeeded. Locked by the round that runs.
    succeeded: Arc<Mutex<u64>>,
    counter: Counter,
}

impl GroupSync {
    /// Syncs the log of the database in this file, which is no symbolic link.
    pub(crate) fn of(file: &Path) -> Self {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        Self(Some(Arc::new(Rounds {
            log: log.into(),
            has_failed: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            succeeded: Arc::default(),
            counter: Counter::default(),
        })))
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        if let Some(rounds) = &self.0 {
            let help = "Writes of the write-ahead log to the disk (SQLite), each for the commits before it";
            registry.register("hallpass_db_log_syncs", help, rounds.counter.clone());
        }
    }

    /// Returns when what was committed before this call is on the disk.
    pub(crate) async fn sync(&self) -> Result<(), DbErr> {
        let Some(rounds) = &self.0 else { return Ok(()) };
        let needed = rounds.begun.load(Ordering::Acquire) + 1;
        let succeeded = Arc::clone(&rounds.succeeded).lock_owned().await;
        if *succeeded >= needed {
            return Ok(());
        }
        if rounds.has_failed.load(Ordering::Acquire) {
            return Err(not_durable(std::io::Error::other("an earlier sync failed")));
        }
        let rounds = Arc::clone(rounds);
        // A round that began ends, also if its caller is cancelled: nothing else would note its failure.
        let done = tokio::task::spawn_blocking(move || rounds.run(succeeded)).await;
        done.map_err(std::io::Error::other).flatten().map_err(not_durable)
    }
}

impl Rounds {
    /// Runs a round.
    fn run(&self, mut succeeded: OwnedMutexGuard<u64>) -> std::io::Result<()> {
        let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let was_synced =
            sync_log(&self.log).inspect_err(|_| self.has_failed.store(true, Ordering::Release))?;
        self.counter.inc_by(was_synced.into());
        *succeeded = round;
        Ok(())
    }
}

/// Syncs the log. False if there is none: the last connection that closes removes it, after it has written and synced all
/// of it to the database.
fn sync_log(log: &Path) -> std::io::Result<bool> {
    // Not kept open: the log of later connections is another file. The database itself is never opened here: closing it
    // would release the locks that SQLite has on it.
    match File::open(log) {
        Ok(log) => log.sync_data().map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A commit whose transaction may be lost with the power.
#[derive(Debug)]
pub(crate) struct NotDurable(std::io::Error);

impl NotDurable {
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self.0.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }
}

impl fmt::Display for NotDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the write-ahead log was not synced: {}. Restart the server.", self.0)
    }
}

impl std::error::Error for NotDurable {}

fn not_durable(error: std::io::Error) -> DbErr {
    let error = sqlx::Error::Configuration(Box::new(NotDurable(error)));
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::{Error, Reason};

    /// The log of these tests is an empty file.
    fn database() -> (tempfile::TempDir, GroupSync, Arc<Rounds>) {
        let directory = tempfile::tempdir().unwrap();
        let sync = GroupSync::of(&directory.path().join("hallpass.db"));
        let rounds = sync.0.clone().unwrap();
        std::fs::write(&rounds.log, "").unwrap();
        (directory, sync, rounds)
    }

    #[tokio::test]
    async fn concurrent_commits_share_a_sync() {
        let (_directory, sync, rounds) = database();
        sync.sync().await.unwrap();
        sync.sync().await.unwrap();
        assert_eq!(rounds.counter.get(), 2, "each later commit has one");
        join_all((0..50).map(|_| sync.sync())).await.into_iter().for_each(Result::unwrap);
        let of_fifty = rounds.counter.get() - 2;
        assert!((1..=2).contains(&of_fifty), "{of_fifty}");
    }

    #[tokio::test]
    async fn commit_during_a_sync_waits_for_another() {
        let (_directory, sync, rounds) = database();
        let running = rounds.succeeded.lock().await;
        let round = rounds.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let mut late = Box::pin(sync.sync());
        assert!(futures_util::poll!(&mut late).is_pending());
        let mut succeeded = running;
        *succeeded = round;
        drop(succeeded);
        late.await.unwrap();
        assert_eq!(rounds.counter.get(), 1, "the running one began before the commit");
    }

    #[tokio::test]
    async fn no_commit_is_durable_after_a_failed_sync() {
        let (_directory, sync, rounds) = database();
        std::fs::remove_file(&rounds.log).unwrap();
        sync.sync().await.unwrap();
        // A loop of symbolic links cannot be opened.
        std::os::unix::fs::symlink(&rounds.log, &rounds.log).unwrap();
        let count = rounds.counter.get();
        for done in join_all((0..3).map(|_| sync.sync())).await {
            assert_eq!(Error::from(done.unwrap_err()).reason(), Some(Reason::DiskError));
        }
        std::fs::remove_file(&rounds.log).unwrap();
        assert!(sync.sync().await.is_err(), "what failed before is still missing");
        assert_eq!(rounds.counter.get(), count);
    }

    #[tokio::test]
    async fn failed_sync_of_a_cancelled_commit_is_noted() {
        let (_directory, sync, rounds) = database();
        std::fs::remove_file(&rounds.log).unwrap();
        std::os::unix::fs::symlink(&rounds.log, &rounds.log).unwrap();
        assert!(futures_util::poll!(Box::pin(sync.sync())).is_pending());
        drop(rounds.succeeded.lock().await);
        std::fs::remove_file(&rounds.log).unwrap();
        assert!(sync.sync().await.is_err());
    }
}
