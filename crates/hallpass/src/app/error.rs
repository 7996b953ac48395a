//! Why the server did not start.

use crate::application::{DemoError, HookError, InvalidRoute};
use crate::config::ConfigError;
use crate::row_security::RowSecurityError;
use hallpass_identity::IssuerError;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database is unavailable or failed.
    #[error("DATABASE_URL: the database cannot be used: {0}")]
    Database(#[from] hallpass_data::Error),
    /// The database cannot be opened.
    #[error("DATABASE_URL: the database cannot be used: {0}")]
    Unopened(String),
    /// A transaction pooler is used without DATABASE_POOLER=transaction.
    #[error(
        "DATABASE_URL points to a transaction pooler, which shares sessions between clients, so that \
         prepared statements are mixed up: set DATABASE_POOLER=transaction, or connect to PostgreSQL \
         directly, or to a pooler in session mode"
    )]
    Pooler,
    /// A migration failed.
    #[error(
        "the database could not be migrated: {0}. If another role owns its tables, migrate as that (hallpass \
         migrate up), and serve with --no-migrate"
    )]
    Migration(#[from] hallpass_migration::Error),
    /// Another server holds the migration lock.
    #[error(
        "another server is migrating the database of DATABASE_URL and did not finish within {0} s: wait \
         for it, or stop it"
    )]
    Occupied(u64),
    /// Row-level security is enabled and not effective.
    #[error(transparent)]
    RowSecurity(#[from] RowSecurityError),
    /// The development issuer could not be created.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The demo could not be loaded.
    #[error("the demo data of {0} could not be loaded: {1}")]
    Demo(&'static str, DemoError),
    /// The application's routes cannot be served.
    #[error(transparent)]
    Routes(#[from] InvalidRoute),
    /// A start-up task of the application failed.
    #[error("a start-up task of the application failed: {0}")]
    Task(HookError),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// REDIS_URL is not valid.
    #[error("REDIS_URL is not a valid Redis URL ({0}): expected redis://HOST:PORT")]
    Redis(#[from] redis::RedisError),
    /// DATABASE_DIRECT_URL is not valid.
    #[error(
        "DATABASE_DIRECT_URL is not a valid URL of PostgreSQL: write postgres://USER:PASSWORD@HOST:PORT/NAME"
    )]
    DirectUrl,
    /// The server cannot listen on an address.
    #[error(
        "cannot listen on {address} ({source}): is another server running there? Change {setting}"
    )]
    Listen {
        /// The settings of the address.
        setting: &'static str,
        /// The address.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
}
