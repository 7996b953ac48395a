//! Reasons why a database is unavailable, in operator's terms.

use std::fmt;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use crate::group_sync::NotDurable;
use crate::pooler::SharedSessions;

/// Why the database is unavailable, as far as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The disk is full.
    DiskFull,
    /// The disk failed to read or write.
    DiskError,
    /// It is read-only.
    ReadOnly,
    /// Its file was moved or deleted while it was open.
    Moved,
    /// Its file is damaged, or is not a database.
    Damaged,
    /// Its file cannot be opened.
    CannotOpen,
    /// Another writer holds the lock.
    Locked,
    /// A deadlock, or a serialization failure.
    Conflict,
    /// It is out of memory.
    OutOfMemory,
    /// Its connection limit is reached.
    TooManyConnections,
    /// It is starting or stopping.
    Restarting,
    /// The connection was lost.
    ConnectionLost,
    /// The user or the password is wrong.
    AuthenticationFailed,
    /// There is no database of this name.
    NoSuchDatabase,
    /// A transaction pooler shares sessions between clients.
    SharedSessions,
}

impl Reason {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::DiskFull => "disk full",
            Self::DiskError => "disk error",
            Self::ReadOnly => "read-only",
            Self::Moved => "its file was moved or deleted",
            Self::Damaged => "its file is damaged",
            Self::CannotOpen => "its file cannot be opened",
            Self::Locked => "locked by another writer",
            Self::Conflict => "conflict with another transaction",
            Self::OutOfMemory => "out of memory",
            Self::TooManyConnections => "too many connections",
            Self::Restarting => "starting or stopping",
            Self::ConnectionLost => "connection lost",
            Self::AuthenticationFailed => "authentication failed",
            Self::NoSuchDatabase => "no such database",
            Self::SharedSessions => "a transaction pooler shares sessions between clients",
        }
    }

    /// Whether storage is the cause, so that the next write fails too.
    #[must_use]
    pub fn is_storage_failure(self) -> bool {
        match self {
            Self::DiskFull
            | Self::DiskError
            | Self::ReadOnly
            | Self::Moved
            | Self::Damaged
            | Self::CannotOpen => true,
            Self::Locked
            | Self::Conflict
            | Self::OutOfMemory
            | Self::TooManyConnections
            | Self::Restarting
            | Self::ConnectionLost
            | Self::AuthenticationFailed
            | Self::NoSuchDatabase
            | Self::SharedSessions => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.text())
    }
}

/// Why the database is unavailable; none if it is available, or the reason is unknown.
pub(crate) fn reason(error: &DbErr) -> Option<Reason> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner))
        | DbErr::Conn(RuntimeErr::SqlxError(inner)) => of_driver(inner),
        _ => None,
    }
}

fn of_driver(error: &sqlx::Error) -> Option<Reason> {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            Some(Reason::ConnectionLost)
        }
        sqlx::Error::Database(inner) => {
            let code = inner.code()?;
            if inner.try_downcast_ref::<SqliteError>().is_some() {
                of_sqlite(code.parse().ok()?)
            } else if inner.try_downcast_ref::<PgDatabaseError>().is_some() {
                of_postgres(&code)
            } else {
                None
            }
        }
        sqlx::Error::Configuration(inner) if inner.is::<SharedSessions>() => {
            Some(Reason::SharedSessions)
        }
        sqlx::Error::Configuration(inner) => {
            let is_full = inner.downcast_ref::<NotDurable>()?.is_disk_full();
            Some(if is_full { Reason::DiskFull } else { Reason::DiskError })
        }
        _ => None,
    }
}

/// The database file was renamed or removed: SQLITE_READONLY_DBMOVED.
const MOVED: i32 = 1032;

/// Maps a result code of SQLite. The low byte is the primary code, the rest is the extended code.
fn of_sqlite(code: i32) -> Option<Reason> {
    if code == MOVED {
        return Some(Reason::Moved);
    }
    match code & 0xff {
        // BUSY (the busy timeout ran out), LOCKED, PROTOCOL (WAL locks).
        5 | 6 | 15 => Some(Reason::Locked),
        7 => Some(Reason::OutOfMemory),
        8 => Some(Reason::ReadOnly),
        10 => Some(Reason::DiskError),
        // CORRUPT, NOTADB.
        11 | 26 => Some(Reason::Damaged),
        13 => Some(Reason::DiskFull),
        14 => Some(Reason::CannotOpen),
        _ => None,
    }
}

/// Maps an SQLSTATE of PostgreSQL (appendix A of its manual).
fn of_postgres(code: &str) -> Option<Reason> {
    match code {
        // protocol_violation: the client sent an invalid message.
        "08P01" => None,
        // serialization_failure, deadlock_detected.
        "40001" | "40P01" => Some(Reason::Conflict),
        // lock_not_available: `lock_timeout` ran out.
        "55P03" => Some(Reason::Locked),
        // read_only_sql_transaction: a replica, or `default_transaction_read_only`.
        "25006" => Some(Reason::ReadOnly),
        "53100" => Some(Reason::DiskFull),
        "53200" => Some(Reason::OutOfMemory),
        "53300" => Some(Reason::TooManyConnections),
        // admin_shutdown, crash_shutdown; the timeouts of idle transactions and sessions.
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => Some(Reason::ConnectionLost),
        "57P03" => Some(Reason::Restarting),
        // io_error.
        "58030" => Some(Reason::DiskError),
        "28000" | "28P01" => Some(Reason::AuthenticationFailed),
        "3D000" => Some(Reason::NoSuchDatabase),
        // data_corrupted, index_corrupted.
        "XX001" | "XX002" => Some(Reason::Damaged),
        code if code.starts_with("08") => Some(Reason::ConnectionLost),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reason, of_postgres, of_sqlite};

    #[test]
    fn sqlite_codes_have_their_reason() {
        for (code, reason) in [
            (13, Some(Reason::DiskFull)),
            (10, Some(Reason::DiskError)),
            // IOERR_WRITE, IOERR_FSYNC, IOERR_SHMSIZE.
            (778, Some(Reason::DiskError)),
            (1034, Some(Reason::DiskError)),
            (4874, Some(Reason::DiskError)),
            (8, Some(Reason::ReadOnly)),
            // READONLY_CANTINIT, READONLY_DBMOVED.
            (1288, Some(Reason::ReadOnly)),
            (1032, Some(Reason::Moved)),
            (11, Some(Reason::Damaged)),
            (26, Some(Reason::Damaged)),
            // CANTOPEN_ISDIR.
            (526, Some(Reason::CannotOpen)),
            // BUSY_SNAPSHOT.
            (517, Some(Reason::Locked)),
            // ERROR, CONSTRAINT_UNIQUE.
            (1, None),
            (2067, None),
        ] {
            assert_eq!(of_sqlite(code), reason, "{code}");
        }
    }

    #[test]
    fn sqlstates_have_their_reason() {
        for (code, reason) in [
            ("53100", Some(Reason::DiskFull)),
            ("25006", Some(Reason::ReadOnly)),
            ("57P01", Some(Reason::ConnectionLost)),
            ("08006", Some(Reason::ConnectionLost)),
            ("08P01", None),
            ("28P01", Some(Reason::AuthenticationFailed)),
            ("23505", None),
            ("42601", None),
        ] {
            assert_eq!(of_postgres(code), reason, "{code}");
        }
    }
}
