//! Set-up of SQLite connections: database file, pragmas.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};

/// Configures connections; they wait `busy` for another writer. With a write-ahead log they do not sync it at a commit:
/// see [`group_sync`](crate::group_sync).
pub(crate) fn set_up(connect: &mut ConnectOptions, busy: Duration) {
    connect
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(busy)
                .foreign_keys(true)
                .pragma("mmap_size", "134217728")
                .pragma("cache_size", "-8000")
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            let pool = pool.after_connect(|connection, _| {
                Box::pin(async move {
                    // Some file systems have no write-ahead log. Without one, SQLite syncs each commit.
                    let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode");
                    if mode.fetch_one(&mut *connection).await? == "wal" {
                        connection.execute("PRAGMA synchronous = NORMAL").await?;
                    }
                    Ok(())
                })
            });
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // Waits for a rollback in progress.
                    connection.ping().await?;
                    // If SQLite rolled back by itself, as on a full disk, the driver still assumes a
                    // transaction: the next one would be a savepoint that is never committed.
                    Ok(!connection.is_in_transaction())
                })
            })
        });
}

/// The file of the database at `url`; none for other kinds of URL.
pub(crate) fn file(url: &str) -> Option<PathBuf> {
    let options = parsed(url)?;
    Some(options.get_filename().to_owned())
}

/// Whether the database at `url` is in memory: then each connection has its own.
pub(crate) fn is_in_memory(url: &str) -> bool {
    url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory"))
}

fn parsed(url: &str) -> Option<SqliteConnectOptions> {
    url.starts_with("sqlite:").then(|| url.parse().ok()).flatten()
}

/// Creates the file of the database at `url`, readable by its owner only, if the URL allows it and it does
/// not exist. SQLite gives its other files the same mode. If creating fails, opening it reports why.
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
