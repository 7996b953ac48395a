//! The settings of the database, and of Redis.

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::values::{self, AtMost, Retention};
use super::{ConfigError, RowSecurity, SqliteSynchronous, invalid};

/// More than a database server has.
const MAX_CONNECTIONS: u32 = 1000;

/// The database, its retention, and Redis.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage")]
pub struct StorageSettings {
    /// SQLite (`sqlite://FILE?mode=rwc`) or PostgreSQL (`postgres://USER:PASSWORD@HOST/NAME`)
    #[arg(long, env, default_value = "sqlite://hallpass.db?mode=rwc", hide_env_values = true)]
    pub database_url: SecretString,

    /// Connections to the database; one more is kept for `/ready`
    #[arg(long, env, default_value = "8", value_parser = values::number::<u32>)]
    pub database_connections: u32,

    /// `transaction` behind a pooler that gives each transaction a session (PgBouncer in transaction mode,
    /// Supabase on port 6543, RDS Proxy): unnamed statements, each in a transaction, and nothing of a session
    /// is relied on. `session`: such a pooler is refused
    #[arg(long, env, value_enum, default_value = "session")]
    pub database_pooler: DatabasePooler,

    /// `on`: PostgreSQL itself keeps rows from everybody but their owner, by row-level security, behind the
    /// scopes that do so anyway. For a role without SUPERUSER and BYPASSRLS
    #[arg(long, env, value_enum, default_value = "off")]
    pub row_security: RowSecurity,

    /// What an acknowledged write outlives on SQLite. `full`: a loss of power. `normal`: a crash of the server;
    /// a loss of power may take the last writes back, and each write is faster
    #[arg(long, env, value_enum, default_value = "full")]
    pub sqlite_synchronous: SqliteSynchronous,

    /// How many rows of one table one user may own, such as tasks; `off` for any number
    #[arg(long, env, default_value = "100000")]
    pub rows_per_owner: AtMost,

    /// How long the audit is kept, such as `90d`; `off` keeps it for ever
    #[arg(long, env, default_value = "90d")]
    pub audit_retention: Retention,

    /// Redis server through which nodes tell each other of revocations and events at once
    #[arg(long, env, hide_env_values = true)]
    pub redis_url: Option<SecretString>,
}

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
        1..=MAX_CONNECTIONS => Ok(said),
        _ => invalid(format!(
            "DATABASE_CONNECTIONS is {said}: give a number from 1 to {MAX_CONNECTIONS}"
        )),
    }
}

pub(super) fn pooler(
    said: DatabasePooler,
    url: &SecretString,
) -> Result<DatabasePooler, ConfigError> {
    if said == DatabasePooler::Transaction && url.expose_secret().starts_with("sqlite:") {
        return invalid(
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
        return invalid(
            "ROW_SECURITY is on, and SQLite has no row-level security: remove it, or give the \
             address of a PostgreSQL database as DATABASE_URL",
        );
    }
    Ok(said)
}
