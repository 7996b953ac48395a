//! How an SQLite database is opened: its file, its settings, and what keeps a write lasting.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::Synchronous;

/// How a connection to `url` is set up; it waits `busy` for another writer.
pub(crate) fn set_up(connect: &mut ConnectOptions, synchronous: Synchronous, busy: Duration) {
    let synchronous = match synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    connect
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(synchronous)
                .busy_timeout(busy)
                .foreign_keys(true)
                .pragma("mmap_size", "134217728")
                .pragma("cache_size", "-8000")
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // A rollback that is under way comes first.
                    connection.ping().await?;
                    // Where SQLite rolled back by itself, as on a full disk, the driver still counts a
                    // transaction: the next one would be a savepoint that is never committed.
                    Ok(!connection.is_in_transaction())
                })
            })
        });
}

/// The file of the database at `url`; none for another kind of address.
pub(crate) fn file(url: &str) -> Option<PathBuf> {
    let options = parsed(url)?;
    Some(options.get_filename().to_owned())
}

/// Whether the database at `url` is in memory: then it is its connection's own.
pub(crate) fn is_in_memory(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn parsed(url: &str) -> Option<SqliteConnectOptions> {
    url.starts_with("sqlite:").then(|| url.parse().ok()).flatten()
}

/// Makes the file of the database at `url`, for its owner alone, where the address allows it and there is
/// none. SQLite gives the files beside it the same mode. Where it cannot be made, opening it says why.
pub(crate) fn make_file(url: &str) -> std::io::Result<()> {
    let makes = url.split_once('?').is_some_and(|(_, parameters)| {
        parameters.split('&').any(|parameter| parameter == "mode=rwc")
    });
    let Some(path) = file(url).filter(|_| makes) else { return Ok(()) };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
