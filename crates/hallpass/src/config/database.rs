//! Settings of storage: database, quotas, retention and Redis.

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::values::{self, AtMost, Retention};
use super::{ConfigError, HumanDuration, RowSecurity, SqliteSynchronous, invalid};

/// More than a database server allows.
const MAX_CONNECTIONS: u32 = 1000;

/// The database, its retention, and Redis.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Storage")]
pub struct StorageSettings {
    /// SQLite (`sqlite://FILE?mode=rwc`) or PostgreSQL (`postgres://USER:PASSWORD@HOST/NAME`)
    #[arg(long, env, default_value = "sqlite://hallpass.db?mode=rwc", hide_env_values = true)]
    pub database_url: SecretString,

    /// Size of the database connection pool; one more connection is reserved for `/ready`, and on PostgreSQL without
    /// REDIS_URL one for messages between nodes
    #[arg(long, env, default_value = "8", value_parser = values::number::<u32>)]
    pub database_connections: u32,

    /// `transaction` behind a pooler in transaction mode (PgBouncer, Supabase on port 6543, RDS Proxy):
    /// statements are unnamed, each runs in a transaction, and no session state is used. With `session`, the
    /// server does not start behind such a pooler
    #[arg(long, env, value_enum, default_value = "session")]
    pub database_pooler: DatabasePooler,

    /// PostgreSQL without the transaction pooler, for the one connection on which each node receives the messages of
    /// others (`LISTEN`). With DATABASE_POOLER=transaction and neither this nor REDIS_URL, subscribers miss the events
    /// of other nodes
    #[arg(long, env, hide_env_values = true)]
    pub database_direct_url: Option<SecretString>,

    /// `on`: PostgreSQL enforces ownership too, by row-level security, in addition to the scopes. Requires a role
    /// without SUPERUSER and BYPASSRLS
    #[arg(long, env, value_enum, default_value = "off")]
    pub row_security: RowSecurity,

    /// Durability of an acknowledged write on SQLite. `full`: it survives a power failure. `normal`: it survives
    /// a crash of the server, a power failure may lose the last writes, and each write is faster
    #[arg(long, env, value_enum, default_value = "full")]
    pub sqlite_synchronous: SqliteSynchronous,

    /// Quota of rows per table and user; `off` for no quota
    #[arg(long, env, default_value = "100000")]
    pub rows_per_owner: AtMost,

    /// Retention of the audit log, such as `90d`; `off` keeps it forever
    #[arg(long, env, default_value = "90d")]
    pub audit_retention: Retention,

    /// How long published rows of shared tables are cached. A change by the same server is visible at
    /// once, and so is one of another server on PostgreSQL or with REDIS_URL; `0s` for no cache
    #[arg(long, env, default_value = "1s")]
    pub shared_cache_ttl: HumanDuration,

    /// Redis server that distributes revocations, events and changes of shared rows between nodes, in place of
    /// PostgreSQL, and that counts each caller's rate for all nodes
    #[arg(long, env, hide_env_values = true)]
    pub redis_url: Option<SecretString>,
}

/// The kind of connection pooler in front of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DatabasePooler {
    /// No pooler, or a pooler in session mode.
    Session,
    /// A pooler in transaction mode.
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
            "DATABASE_POOLER is transaction, and SQLite has no pooler: remove it, or give the URL \
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
             URL of a PostgreSQL database as DATABASE_URL",
        );
    }
    Ok(said)
}
