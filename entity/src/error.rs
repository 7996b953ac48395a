//! Errors of data access.

use sea_orm::{DbErr, RuntimeErr};

use crate::Reason;
use crate::reason::reason;

/// Why a door did not open, or a statement did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An owned row was asked for and no caller is signed in.
    #[error("nobody is signed in, so there is no owner whose rows could be read")]
    Unauthenticated,
    /// The database is away, overloaded or shutting down: the same request may succeed later.
    #[error("the database is not available{why}: {error}", why = in_brackets(.0), error = .0)]
    Unavailable(#[source] DbErr),
    /// The database gave up on a statement that took too long.
    #[error("the database took too long: {0}")]
    Timeout(#[source] DbErr),
    /// The owner has as many rows of a table as one may have.
    #[error("the owner has {most} rows of {table}, as many as one may have")]
    Full {
        /// The table.
        table: &'static str,
        /// How many.
        most: u64,
    },
    /// Another row has a value that only one row may have.
    #[error("the value is taken: {0}")]
    UniqueViolation(#[source] DbErr),
    /// The row hangs on one that is not there.
    #[error("the row has no parent: {0}")]
    ForeignKeyViolation(#[source] DbErr),
    /// Anything else: a fault of ours.
    #[error("the database refused a statement: {0}")]
    Internal(#[source] DbErr),
}

impl Error {
    /// Why the database is not available; none where it is, or does not say.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Unavailable(error) => reason(error),
            Self::Unauthenticated
            | Self::Timeout(_)
            | Self::UniqueViolation(_)
            | Self::Full { .. }
            | Self::ForeignKeyViolation(_)
            | Self::Internal(_) => None,
        }
    }
}

fn in_brackets(error: &DbErr) -> String {
    reason(error).map_or(String::new(), |reason| format!(" ({reason})"))
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match kind(&error) {
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Timeout => Self::Timeout(error),
            Kind::Taken => Self::UniqueViolation(error),
            Kind::Orphan => Self::ForeignKeyViolation(error),
            Kind::Internal => Self::Internal(error),
        }
    }
}

enum Kind {
    Unavailable,
    Timeout,
    Taken,
    Orphan,
    Internal,
}

fn kind(error: &DbErr) -> Kind {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Kind::Unavailable,
        _ if reason(error).is_some() => Kind::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(inner)) | DbErr::Query(RuntimeErr::SqlxError(inner)) => {
            driver_kind(inner)
        }
        _ => Kind::Internal,
    }
}

fn driver_kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Kind::Unavailable,
        sqlx::Error::Database(inner) => {
            inner.code().map_or(Kind::Internal, |code| code_kind(&code))
        }
        _ => Kind::Internal,
    }
}

/// SQLSTATE classes of PostgreSQL (appendix A of its manual) and result codes of SQLite. What makes the
/// database unavailable is a [`Reason`].
fn code_kind(code: &str) -> Kind {
    match code {
        // query_canceled: `statement_timeout` ran out.
        "57014" => Kind::Timeout,
        // unique_violation; SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY.
        "23505" | "2067" | "1555" => Kind::Taken,
        // foreign_key_violation; SQLITE_CONSTRAINT_FOREIGNKEY.
        "23503" | "787" => Kind::Orphan,
        code if code.starts_with("53") => Kind::Unavailable,
        _ => Kind::Internal,
    }
}
