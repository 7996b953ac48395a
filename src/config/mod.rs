//! Every setting: its variable, its default, its reason. The only reader of the environment.
//!
//! A setting is one field of [`Settings`]: its doc comment is the text of `--help`, and a test holds
//! `.env.example` and `docs/settings.md` to the same list. [`Config`] is what the settings amount to, checked
//! once, before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;

mod access;
mod choices;
mod database;
mod database_url;
mod dotenv;
mod environment;
mod limits;
mod serving;
mod sources;
mod values;

pub use access::AccessSettings;
pub use choices::{Environment, OwnershipDenial, RowSecurity, SqliteSynchronous};
pub use database::{DatabasePooler, StorageSettings};
pub use dotenv::EnvFile;
pub use environment::{check_names, read_env_file};
pub use hallpass_identity::config::*;
pub use limits::{LimitSettings, Limits};
pub use serving::ServingSettings;
pub use sources::{more_flags, with_secret_files, without_empty};
pub use values::{AtMost, ProxyNetwork, Retention, RoleInheritance};

/// Every setting as given by flags and the environment.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Serving.
    #[command(flatten)]
    pub serving: ServingSettings,
    /// Storage.
    #[command(flatten)]
    pub storage: StorageSettings,
    /// Authentication.
    #[command(flatten)]
    pub identity: IdentitySettings,
    /// Authorization.
    #[command(flatten)]
    pub access: AccessSettings,
    /// Limits.
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// What the settings amount to.
#[derive(Clone, Debug)]
pub struct Config {
    /// Development or production.
    pub environment: Environment,
    /// Where to serve.
    pub address: SocketAddr,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long connections are still accepted once the server is told to stop.
    pub drain_delay: Duration,
    /// The database.
    pub database_url: SecretString,
    /// Connections to the database.
    pub database_connections: u32,
    /// What stands between here and the database.
    pub database_pooler: DatabasePooler,
    /// Whether row-level security stands behind the scopes.
    pub row_security: RowSecurity,
    /// What an acknowledged write outlives on SQLite.
    pub sqlite_synchronous: SqliteSynchronous,
    /// Who may sign callers in.
    pub identity: IdentityConfig,
    /// Which role implies which.
    pub role_inherits: RoleInheritance,
    /// Origins of web pages that may call with cookies.
    pub allowed_origins: Vec<Origin>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How another's row is denied.
    pub ownership_denial: OwnershipDenial,
    /// How many rows of one table one user may own.
    pub rows_per_owner: AtMost,
    /// How long the audit is kept.
    pub audit_retention: Retention,
    /// What a request may cost.
    pub limits: Limits,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// What is logged, as directives of `tracing`; none for the usual.
    pub log: Option<String>,
    /// Where development keeps its key.
    pub development_key: PathBuf,
    /// The Redis server that nodes share.
    pub redis_url: Option<SecretString>,
    /// Where metrics are served, if not beside everything else.
    pub metrics_address: Option<SocketAddr>,
}

/// Beside the default database: in the directory that the server runs in.
const DEVELOPMENT_KEY: &str = "hallpass-dev-key.der";

impl Settings {
    /// Checks the settings against each other and derives what was left out.
    ///
    /// # Errors
    /// On the first invalid setting, with the fix.
    pub fn check(self) -> Result<Config, ConfigError> {
        let Self { serving, storage, identity, access, limits } = self;
        let identity = identity.check()?;
        let environment = serving.environment(identity.has_source())?;
        Ok(Config {
            environment,
            address: SocketAddr::new(serving.api_host, serving.port()?),
            keep_alive: serving.keep_alive()?,
            drain_delay: serving.drain_delay(environment),
            database_connections: database::connections(storage.database_connections)?,
            database_pooler: database::pooler(storage.database_pooler, &storage.database_url)?,
            row_security: database::row_security(storage.row_security, &storage.database_url)?,
            database_url: database_url::database_url(storage.database_url)?,
            sqlite_synchronous: storage.sqlite_synchronous,
            identity,
            role_inherits: access.role_inherits,
            allowed_origins: serving.allowed_origins.clone(),
            trusted_proxies: serving.trusted_proxies.iter().map(|proxy| proxy.0).collect(),
            ownership_denial: access.ownership_denial,
            rows_per_owner: storage.rows_per_owner,
            audit_retention: storage.audit_retention,
            limits: limits.check()?,
            introspection: serving.introspection.unwrap_or(environment == Environment::Development),
            log: serving.rust_log.clone(),
            development_key: PathBuf::from(DEVELOPMENT_KEY),
            redis_url: database_url::redis_url(storage.redis_url)?,
            metrics_address: serving.metrics_address(environment),
        })
    }
}
