//! Errors of data access.

use sea_orm::{DbErr, RuntimeErr};

use crate::Reason;
use crate::reason::reason;

/// Why a scope denied access, or a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Owned rows were requested and no caller is signed in.
    #[error("no caller is signed in, and the rows belong to an owner")]
    Unauthenticated,
    /// Rows of a tenant were requested, and no claim of the caller names a tenant.
    #[error("no claim of the caller names a tenant, and the rows belong to a tenant")]
    NoTenant,
    /// The database is unavailable, overloaded or shutting down: the same request may succeed later.
    #[error("the database is unavailable{why}: {error}", why = in_parentheses(.0), error = .0)]
    Unavailable(#[source] DbErr),
    /// The database cancelled a statement that took too long.
    #[error("the database took too long: {0}")]
    Timeout(#[source] DbErr),
    /// The owner's row quota of a table is used up.
    #[error("the owner has {most} rows of {table}, which is the quota")]
    Full {
        /// The table.
        table: &'static str,
        /// The quota.
        most: u64,
    },
    /// A unique constraint failed.
    #[error("the value is taken: {0}")]
    UniqueViolation(#[source] DbErr),
    /// A foreign key constraint failed.
    #[error("a referenced row does not exist: {0}")]
    ForeignKeyViolation(#[source] DbErr),
    /// Anything else: an error of this server.
    #[error("the database rejected a statement: {0}")]
    Internal(#[source] DbErr),
}

impl Error {
    /// Why the database is unavailable; none if it is available, or the reason is unknown.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Unavailable(error) => reason(error),
            Self::Unauthenticated
            | Self::NoTenant
            | Self::Timeout(_)
            | Self::UniqueViolation(_)
            | Self::Full { .. }
            | Self::ForeignKeyViolation(_)
            | Self::Internal(_) => None,
        }
    }
}

fn in_parentheses(error: &DbErr) -> String {
    reason(error).map_or(String::new(), |reason| format!(" ({reason})"))
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match kind(&error) {
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Timeout => Self::Timeout(error),
            Kind::UniqueViolation => Self::UniqueViolation(error),
            Kind::ForeignKeyViolation => Self::ForeignKeyViolation(error),
            Kind::Internal => Self::Internal(error),
        }
    }
}

enum Kind {
    Unavailable,
    Timeout,
    UniqueViolation,
    ForeignKeyViolation,
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

/// Maps SQLSTATE classes of PostgreSQL (appendix A of its manual) and result codes of SQLite. Codes of an
/// unavailable database are mapped to a [`Reason`].
fn code_kind(code: &str) -> Kind {
    match code {
        // query_canceled: `statement_timeout` ran out. SQLITE_INTERRUPT: so did the deadline of the statement.
        "57014" | "9" => Kind::Timeout,
        // unique_violation; SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY.
        "23505" | "2067" | "1555" => Kind::UniqueViolation,
        // foreign_key_violation; SQLITE_CONSTRAINT_FOREIGNKEY.
        "23503" | "787" => Kind::ForeignKeyViolation,
        code if code.starts_with("53") => Kind::Unavailable,
        _ => Kind::Internal,
    }
}
