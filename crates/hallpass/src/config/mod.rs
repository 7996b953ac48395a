//! Settings: parsed from flags, environment variables and `.env`, and validated once.
//!
//! A setting is one field of a section of [`Settings`]: its doc comment is the text of `--help` and of
//! `docs/settings.md`, and a test compares `.env.example` with the same list. [`Config`] is the checked
//! configuration, derived before anything starts. No other module reads the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
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
mod log_filter;
mod own;
mod rate_limit;
mod serving;
mod sources;
mod values;

pub use access::AccessSettings;
pub use choices::{
    Environment, LogFormat, OwnershipDenial, PersistedQueries, RowSecurity, SqliteSynchronous,
    VisibleSchema,
};
pub use database::{DatabasePooler, StorageSettings};
pub use dotenv::EnvFile;
pub use environment::{check_names, read_env_file};
pub use hallpass_identity::config::*;
pub use limits::{LimitSettings, Limits, TrustedSettings};
pub use log_filter::LogFilter;
#[cfg(test)]
pub(crate) use own::COMMAND_OPTIONS;
pub use own::{NoSuchSettings, OwnSettings, SettingState};
pub(crate) use own::{OwnSettingsTypes, SettingsType};
pub use rate_limit::{NamedRate, Rate, RateLimit, RateLimits};
pub use serving::{ServingSettings, TelemetrySettings, UnixSocketPath};
pub use sources::{more_flags, with_secret_files, without_empty};
pub use values::{AtMost, ProxyNetwork, Retention};

/// Every setting as given by flags and the environment.
#[derive(Args, Clone, Debug)]
// No group: its name would be taken, and settings of an application may have this name too.
#[group(skip)]
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

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the program, in the commands that messages recommend.
    pub program: String,
    /// Development or production.
    pub environment: Environment,
    /// Address and port to serve on.
    pub address: SocketAddr,
    /// The Unix socket to serve on, in place of the address.
    pub socket: Option<UnixSocketPath>,
    /// Idle timeout of a connection.
    pub keep_alive: Duration,
    /// How long connections are still accepted after SIGTERM.
    pub drain_delay: Duration,
    /// URL of the database.
    pub database_url: SecretString,
    /// Connections to the database.
    pub database_connections: u32,
    /// The kind of connection pooler in front of the database.
    pub database_pooler: DatabasePooler,
    /// URL of the database without a transaction pooler.
    pub database_direct_url: Option<SecretString>,
    /// Whether PostgreSQL enforces row-level security.
    pub row_security: RowSecurity,
    /// Durability of an acknowledged write on SQLite.
    pub sqlite_synchronous: SqliteSynchronous,
    /// Authentication.
    pub identity: IdentityConfig,
    /// Origins of web pages that may send cookies.
    pub allowed_origins: Vec<Origin>,
    /// Headers that those pages may send. None: all that they ask for.
    pub allowed_headers: Option<Vec<HeaderName>>,
    /// Trusted proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// How access to another user's row is denied.
    pub ownership_denial: OwnershipDenial,
    /// The schema that callers see.
    pub schema_view: VisibleSchema,
    /// Quota of rows per table and user.
    pub rows_per_owner: AtMost,
    /// Retention of the audit log.
    pub audit_retention: Retention,
    /// Limits of one request.
    pub limits: Limits,
    /// Whether clients can persist documents.
    pub persists_queries: bool,
    /// Trusted documents; none without TRUSTED_DOCUMENTS.
    pub trusted: Option<TrustedSettings>,
    /// Query cost per time; none without a limit.
    pub rate_limits: Option<RateLimits>,
    /// Whether introspection is enabled.
    pub introspection: bool,
    /// Where traces are sent.
    pub telemetry: TelemetrySettings,
    /// Format of the log.
    pub log_format: LogFormat,
    /// The key of the hashes of callers' ids and clients' addresses in the log.
    pub log_id_key: SecretString,
    /// Log filter; none for the default.
    pub log: Option<LogFilter>,
    /// The file with the signing key of development mode.
    pub development_key: PathBuf,
    /// How long published rows of shared tables are cached.
    pub shared_cache_ttl: Duration,
    /// URL of the Redis server shared by all nodes.
    pub redis_url: Option<SecretString>,
    /// A separate address for metrics, if any.
    pub metrics_address: Option<SocketAddr>,
    /// The settings of the application itself.
    pub own: OwnSettings,
    /// Whether the application has rows of tenants.
    pub has_tenant_tables: bool,
}

/// The name of a program that has none of its own.
pub(crate) const PROGRAM: &str = "hallpass";
/// In the working directory, as the default database.
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
            program: PROGRAM.to_owned(),
            environment,
            address: SocketAddr::new(serving.api_host, serving.port()?),
            socket: serving.socket(environment)?,
            keep_alive: serving.keep_alive()?,
            drain_delay: serving.drain_delay(environment),
            database_connections: database::connections(storage.database_connections)?,
            database_pooler: database::pooler(storage.database_pooler, &storage.database_url)?,
            row_security: database::row_security(storage.row_security, &storage.database_url)?,
            database_direct_url: database_url::direct_url(
                storage.database_direct_url,
                &storage.database_url,
            )?,
            database_url: database_url::database_url(storage.database_url)?,
            sqlite_synchronous: storage.sqlite_synchronous,
            allowed_origins: serving.allowed_origins.clone(),
            allowed_headers: serving.headers(),
            trusted_proxies: serving.trusted_proxies.iter().map(|proxy| proxy.0).collect(),
            ownership_denial: access.ownership_denial,
            schema_view: access.schema_view,
            rows_per_owner: storage.rows_per_owner,
            audit_retention: storage.audit_retention,
            limits: limits.check()?,
            persists_queries: limits.apq == PersistedQueries::On,
            trusted: limits.trusted(environment)?,
            rate_limits: limits.rate_limits(environment, &identity.tiers)?,
            introspection: serving.introspection.unwrap_or(environment == Environment::Development),
            telemetry: serving.telemetry(),
            log_format: serving.log_format,
            log_id_key: serving.log_id_key(),
            log: serving.rust_log.clone(),
            development_key: PathBuf::from(DEVELOPMENT_KEY),
            shared_cache_ttl: storage.shared_cache_ttl.0,
            redis_url: database_url::redis_url(storage.redis_url)?,
            metrics_address: serving.metrics_address(environment),
            own: OwnSettings::default(),
            has_tenant_tables: false,
            identity,
        })
    }
}
