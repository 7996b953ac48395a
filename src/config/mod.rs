//! Every setting: its variable, its default, its reason. The only reader of the environment.
//!
//! A setting is one field of [`Settings`]: its doc comment is the text of `--help`, and a test holds
//! `.env.example` and `docs/settings.md` to the same list. [`Config`] is what the settings amount to, checked
//! once, before anything starts.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;

mod choices;
mod database;
mod database_url;
mod dotenv;
mod environment;
mod identity;
mod limits;
mod serving;
mod sources;
mod values;

pub use choices::{Environment, OwnershipDenial, RowSecurity, SqliteSynchronous, Trust};
pub use database::DatabasePooler;
pub use dotenv::EnvFile;
pub use environment::{check_names, read_env_file};
pub use identity::{
    AuthServer, ClaimNames, IdentityConfig, JwtSubject, OpaqueTokenConfig, UserLookupConfig,
};
pub use limits::Limits;
pub use sources::{more_flags, with_secret_files, without_empty};
pub use values::{
    ApiKeyHeader, AtMost, BasePath, CookieName, HttpUrl, HttpUrlText, Origin, ProxyNetwork,
    Retention, RoleInheritance, Span, Tiers, UserLookupUrl, Word,
};

/// What the operator said, setting by setting.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// `development` (built-in issuer and personas, loopback only) or `production`. Left out, it is
    /// development exactly when no identity source is set
    #[arg(long, env, value_enum)]
    pub hallpass_env: Option<Environment>,

    /// Address to serve on
    #[arg(long, env, default_value = "127.0.0.1", value_parser = values::host)]
    pub api_host: IpAddr,

    /// Port to serve on; left out, 8000. 0 picks a free one. Also read from PORT
    #[arg(long, env, value_parser = values::port)]
    pub api_port: Option<u16>,

    #[arg(long, env, hide = true, value_parser = values::port)]
    port: Option<u16>,

    /// How long a connection is kept that is idle: without a request, or a WebSocket without an operation
    #[arg(long, env, default_value = "75s")]
    pub keep_alive: Span,

    /// How long connections are still accepted after SIGTERM, while `/ready` answers 503; left out, 5s in
    /// production and 0s in development
    #[arg(long, env)]
    pub drain_delay: Option<Span>,

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

    /// Origin of the Better Auth server, such as `https://app.example.com`. Turns on session
    /// cookies, bearer session tokens and JWTs. Also read from AUTH_SERVICE_URL and AUTH_SERVER_URL
    #[arg(long, env)]
    pub better_auth_url: Option<HttpUrl>,

    #[arg(long, env, hide = true)]
    auth_service_url: Option<HttpUrl>,

    #[arg(long, env, hide = true)]
    auth_server_url: Option<HttpUrl>,

    /// Path under which Better Auth is mounted
    #[arg(long, env, default_value = "/api/auth")]
    pub better_auth_base_path: BasePath,

    /// Address of the JSON Web Key Set, where it is not `{url}{base path}/jwks`
    #[arg(long, env)]
    pub jwks_url: Option<HttpUrl>,

    /// Accepted `iss` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_issuer: Vec<Word>,

    /// Accepted `aud` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_audience: Vec<Word>,

    /// Claim that names the user in first-party JWTs: `id`, which stays the user's id whatever the jwt plugin's
    /// `getSubject` makes of `sub` (where it is missing, `sub` counts); or `sub`
    #[arg(long, env, value_enum, default_value = "id")]
    pub jwt_subject: JwtSubject,

    /// Shared secret of HS256 bearer tokens, 32 bytes at least; a comma-separated list rotates
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub jwt_secret: Vec<SecretString>,

    /// Accepted `iss` of JWT_SECRET's tokens, comma-separated; left out, any or none
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_issuer: Vec<Word>,

    /// Accepted `aud` of JWT_SECRET's tokens, comma-separated; left out, none, or one of JWT_AUDIENCE
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_audience: Vec<Word>,

    /// What other programs call the algorithm of a shared secret; it chooses nothing here
    #[arg(long, env, hide = true)]
    jwt_algorithm: Option<String>,

    /// Client id(s) of this application at the OpenID provider: accepted `aud` of id tokens,
    /// comma-separated. Left out, id tokens are refused
    #[arg(long, env, value_delimiter = ',')]
    pub sso_client_id: Vec<Word>,

    /// Accepted `aud` of OAuth access tokens (RFC 8707 resources), comma-separated. Left out, such tokens
    /// are refused
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_resource: Vec<Word>,

    /// OAuth clients whose access tokens act as their user wholly, by client id, comma-separated: your own
    /// apps. `*` is every client of the auth server. The tokens of all others reach only the fields that
    /// their scopes cover, such as `tasks:read`
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_full_clients: Vec<Word>,

    /// Issuer of id tokens and access tokens; left out, `{url}{base path}`. One of another origin than
    /// BETTER_AUTH_URL publishes its keys by OpenID Connect Discovery
    #[arg(long, env)]
    pub oidc_issuer: Option<HttpUrlText>,

    /// Address of the key set of OIDC_ISSUER, where it is not to be found by discovery, such as one that
    /// is reached from here under another name
    #[arg(long, env)]
    pub oidc_jwks_url: Option<HttpUrl>,

    /// Client that may introspect opaque access tokens (RFC 7662)
    #[arg(long, env)]
    pub introspection_client_id: Option<Word>,

    /// Secret of INTROSPECTION_CLIENT_ID
    #[arg(long, env, hide_env_values = true)]
    pub introspection_client_secret: Option<SecretString>,

    /// `trust`: accept opaque access tokens with the scope `openid`, of whatever client, by asking
    /// userinfo. Only where every client of the auth server is yours
    #[arg(long, env, value_enum, default_value = "off")]
    pub userinfo: Trust,

    /// Secret of the Better Auth server: signed session cookies are then checked here before it is
    /// asked. 32 bytes at least with COOKIE_CACHE=trust. A comma-separated list rotates (`2:NEW,1:OLD`
    /// as well). Also read from BETTER_AUTH_SECRETS
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub better_auth_secret: Vec<SecretString>,

    #[arg(long, env, hide = true, hide_env_values = true, value_delimiter = ',')]
    better_auth_secrets: Vec<SecretString>,

    /// `trust`: believe Better Auth's `session_data` cookie until it expires (5 minutes unless told
    /// otherwise), so that fewer sessions are asked about, and sign-outs lag behind as long
    #[arg(long, env, value_enum, default_value = "off")]
    pub cookie_cache: Trust,

    /// Version that a trusted cookie cache must have (`session.cookieCache.version` of the auth server);
    /// left out, any
    #[arg(long, env)]
    pub cookie_cache_version: Option<Word>,

    /// Endpoint of the application that verifies API keys; left out, `get-session` is asked about them
    #[arg(long, env)]
    pub api_key_verify_url: Option<HttpUrl>,

    /// Key by which this server shows itself to endpoints of the application, for looking users up
    #[arg(long, env, hide_env_values = true)]
    pub sso_api_key: Option<SecretString>,

    /// Endpoint of the application that looks a user up, with `{id}` in it; left out,
    /// `{url}/api/admin/users/{id}`
    #[arg(long, env)]
    pub user_lookup_url: Option<UserLookupUrl>,

    /// Secret of the messages that push revocations (`POST /revocations`), 24 bytes at least; a
    /// comma-separated list rotates. Left out, none are accepted
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub revocation_secret: Vec<SecretString>,

    /// Redis server through which nodes tell each other of revocations and events at once
    #[arg(long, env, hide_env_values = true)]
    pub redis_url: Option<SecretString>,

    /// Address and port to serve `/metrics` on; left out, 127.0.0.1:9464 in production, and beside
    /// everything else in development
    #[arg(long, env, value_parser = values::host_and_port)]
    pub metrics_addr: Option<SocketAddr>,

    /// Prefix of Better Auth's cookie names
    #[arg(long, env, default_value = "better-auth")]
    pub cookie_prefix: CookieName,

    /// Whole name of the session cookie, where `advanced.cookies` of the auth server gives it one; left
    /// out, `{prefix}.session_token`
    #[arg(long, env)]
    pub session_cookie: Option<CookieName>,

    /// Header in which API keys come
    #[arg(long, env, default_value = "x-api-key")]
    pub api_key_header: ApiKeyHeader,

    /// Difference between clocks that is forgiven when a token's times are checked
    #[arg(long, env, default_value = "10s")]
    pub jwt_leeway: Span,

    /// Age at which the key set is fetched again
    #[arg(long, env, default_value = "1h")]
    pub jwks_ttl: Span,

    /// Time in which unknown keys cost three fetches of the key set at most, and forged signatures one
    #[arg(long, env, default_value = "30s")]
    pub jwks_cooldown: Span,

    /// How long the auth server may take to answer
    #[arg(long, env, default_value = "5s")]
    pub auth_timeout: Span,

    /// How long a validated session is believed: what a sign-out can lag behind
    #[arg(long, env, default_value = "30s")]
    pub session_cache_ttl: Span,

    /// Claim or user field that holds the roles (comma-separated text, or a list). Of several names,
    /// comma-separated, the first that is there counts; each is a name, or a path such as
    /// `realm_access.roles`
    #[arg(long, env, default_value = "role", value_delimiter = ',')]
    pub role_claim: Vec<Word>,

    /// Claim or user field that holds the tier; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "tier", value_delimiter = ',')]
    pub tier_claim: Vec<Word>,

    /// Claim or user field that holds the permissions; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "permissions", value_delimiter = ',')]
    pub permissions_claim: Vec<Word>,

    /// Claim or user field that holds the organization; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "organization_id", value_delimiter = ',')]
    pub organization_claim: Vec<Word>,

    /// Tiers in rising order, each with an optional monthly price: `free=0,premium=12`
    #[arg(long, env, default_value = "free,premium,enterprise")]
    pub tiers: Tiers,

    /// Which role implies which, as chains separated by commas: an admin may do whatever an editor may;
    /// empty for none
    #[arg(long, env, default_value = "admin>editor>user")]
    pub role_inherits: RoleInheritance,

    /// Exact origins of web pages that may call with cookies (CORS), comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// Networks (CIDR) or addresses of proxies whose X-Forwarded-For is believed, comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<ProxyNetwork>,

    /// What a lookup, a change, and `can` answer about another's row: `hide` (as if it were not there), or
    /// `forbid` (FORBIDDEN, which tells that it is there)
    #[arg(long, env, value_enum, default_value = "hide")]
    pub ownership_denial: OwnershipDenial,

    /// How many rows of one table one user may own, such as tasks; `off` for any number
    #[arg(long, env, default_value = "100000")]
    pub rows_per_owner: AtMost,

    /// How long the audit is kept, such as `90d`; `off` keeps it for ever
    #[arg(long, env, default_value = "90d")]
    pub audit_retention: Retention,

    /// Largest request body; six times as much for callers who may write chapters
    #[arg(long, env, default_value = "256KiB", value_parser = values::size)]
    pub max_body: ByteSize,

    /// Deepest nesting of a query's fields; introspection has a limit of its own
    #[arg(long, env, default_value = "12", value_parser = values::number::<u32>)]
    pub max_depth: u32,

    /// Highest cost of a query, in points: one for each object, a tenth for each plain field, more for long
    /// texts, searches and counts; lists multiplied by their length
    #[arg(long, env, default_value = "1000", value_parser = values::number::<u64>)]
    pub max_cost: u64,

    /// Largest answer to one request, or event of a subscription, counted while it is made
    #[arg(long, env, default_value = "4MiB", value_parser = values::size)]
    pub max_answer: ByteSize,

    /// Most aliases in a query
    #[arg(long, env, default_value = "30", value_parser = values::number::<u64>)]
    pub max_aliases: u64,

    /// Operations of one caller that run at once; anonymous callers of one address (IPv6: one /64 network)
    /// share theirs
    #[arg(long, env, default_value = "16", value_parser = values::number::<usize>)]
    pub max_concurrent: usize,

    /// How long a request's body may take to arrive, and its answer to be made
    #[arg(long, env, default_value = "10s")]
    pub request_timeout: Span,

    /// What is logged
    #[arg(long, env, hide = true)]
    rust_log: Option<String>,

    /// Whether clients may ask for the schema (`true` or `false`); left out, only in development
    #[arg(long, env)]
    pub introspection: Option<bool>,
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

/// A setting that is wrong: one sentence that names it and the fix.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Settings {
    /// Checks the settings against each other and derives what was left out.
    ///
    /// # Errors
    /// On the first setting that is wrong, with the fix.
    pub fn check(self) -> Result<Config, ConfigError> {
        let auth_url = self.auth_url()?;
        let identity = IdentityConfig::from_settings(&self, auth_url)?;
        let environment = self.environment(identity.has_source())?;
        let limits = self.limits()?;
        let address = SocketAddr::new(self.api_host, self.port()?);
        let drain_delay = self.drain_delay(environment);
        let metrics_address = self.metrics_address(environment);
        Ok(Config {
            environment,
            address,
            keep_alive: self.keep_alive.0,
            drain_delay,
            database_connections: database::connections(self.database_connections)?,
            database_pooler: database::pooler(self.database_pooler, &self.database_url)?,
            row_security: database::row_security(self.row_security, &self.database_url)?,
            database_url: database_url::database_url(self.database_url)?,
            sqlite_synchronous: self.sqlite_synchronous,
            identity,
            role_inherits: self.role_inherits,
            allowed_origins: self.allowed_origins,
            trusted_proxies: self.trusted_proxies.into_iter().map(|proxy| proxy.0).collect(),
            ownership_denial: self.ownership_denial,
            rows_per_owner: self.rows_per_owner,
            audit_retention: self.audit_retention,
            limits,
            introspection: self.introspection.unwrap_or(environment == Environment::Development),
            log: self.rust_log,
            development_key: PathBuf::from(DEVELOPMENT_KEY),
            redis_url: database_url::redis_url(self.redis_url)?,
            metrics_address,
        })
    }
}

fn wrong<T>(sentence: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(sentence.into()))
}
