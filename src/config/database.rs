//! The settings of the database, and of Redis.

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, RowSecurity, wrong};

/// More than a database server has.
const MOST_CONNECTIONS: u32 = 1000;

/// What stands between here and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DatabasePooler {
    /// Nothing, or a pooler that gives each client a session.
    Session,
    /// A pooler that gives each transaction a session.
    Transaction,
}

pub(super) fn connections(said: u32) -> Result<u32, ConfigError> {
    match said {
        1..=MOST_CONNECTIONS => Ok(said),
        _ => wrong(format!(
            "DATABASE_CONNECTIONS is {said}: give a number from 1 to {MOST_CONNECTIONS}"
        )),
    }
}

pub(super) fn pooler(
    said: DatabasePooler,
    url: &SecretString,
) -> Result<DatabasePooler, ConfigError> {
    if said == DatabasePooler::Transaction && url.expose_secret().starts_with("sqlite:") {
        return wrong(
            "DATABASE_POOLER is transaction, and SQLite has no pooler: remove it, or give the address \
             of a PostgreSQL database as DATABASE_URL",
        );
    }
    Ok(said)
}

pub(super) fn row_security(
    said: RowSecurity,
    url: &SecretString,
) -> Result<RowSecurity, ConfigError> {
    if said == RowSecurity::On && url.expose_secret().starts_with("sqlite:") {
        return wrong(
            "ROW_SECURITY is on, and SQLite has no row-level security: remove it, or give the \
             address of a PostgreSQL database as DATABASE_URL",
        );
    }
    Ok(said)
}
