//! Every setting: its variable, its default, its reason. The only reader of the environment.
//!
//! A setting is one field of [`Settings`]: its doc comment is the text of `--help`, and a test holds
//! `.env.example` and the README to the same list. [`Config`] is what the settings amount to, checked
//! once, before anything starts.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use ipnet::IpNet;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

mod environment;
mod values;

pub use environment::{load_env_file, refuse_unknown_names};
pub use values::{BasePath, CookiePrefix, HttpUrl, Origin, Span, Tiers, Word};

/// What the operator said, setting by setting.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// `development` (built-in issuer and personas, loopback only) or `production`. Left out, it is
    /// development exactly when no identity source is set
    #[arg(long, env, value_enum)]
    pub hallpass_env: Option<Environment>,

    /// Address to serve on
    #[arg(long, env, default_value = "127.0.0.1")]
    pub api_host: IpAddr,

    /// Port to serve on; 0 picks a free one
    #[arg(long, env, default_value = "8000")]
    pub api_port: u16,

    /// SQLite (`sqlite://FILE?mode=rwc`) or PostgreSQL (`postgres://USER:PASSWORD@HOST/NAME`)
    #[arg(long, env, default_value = "sqlite://hallpass.db?mode=rwc", hide_env_values = true)]
    pub database_url: SecretString,

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

    /// Shared secret of HS256 bearer tokens, 32 bytes at least; a comma-separated list rotates
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub jwt_secret: Vec<SecretString>,

    /// Prefix of Better Auth's cookie names
    #[arg(long, env, default_value = "better-auth")]
    pub cookie_prefix: CookiePrefix,

    /// Difference between clocks that is forgiven when a token's times are checked
    #[arg(long, env, default_value = "10s")]
    pub jwt_leeway: Span,

    /// Age at which the key set is fetched again
    #[arg(long, env, default_value = "1h")]
    pub jwks_ttl: Span,

    /// Least time between two fetches of the key set, counted from the attempt
    #[arg(long, env, default_value = "30s")]
    pub jwks_cooldown: Span,

    /// How long the auth server may take to answer
    #[arg(long, env, default_value = "5s")]
    pub auth_timeout: Span,

    /// How long a validated session is believed: what a sign-out can lag behind
    #[arg(long, env, default_value = "30s")]
    pub session_cache_ttl: Span,

    /// Claim or user field that holds the roles (comma-separated text, or a list)
    #[arg(long, env, default_value = "role")]
    pub role_claim: Word,

    /// Claim or user field that holds the tier
    #[arg(long, env, default_value = "tier")]
    pub tier_claim: Word,

    /// Claim or user field that holds the permissions
    #[arg(long, env, default_value = "permissions")]
    pub permissions_claim: Word,

    /// Claim or user field that holds the organization
    #[arg(long, env, default_value = "organization_id")]
    pub organization_claim: Word,

    /// Tiers in rising order, each with an optional monthly price: `free=0,premium=12`
    #[arg(long, env, default_value = "free,premium,enterprise")]
    pub tiers: Tiers,

    /// Exact origins of web pages that may call with cookies (CORS), comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// Networks (CIDR) of proxies whose X-Forwarded-For is believed, comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// What a lookup of another's row answers: `hide` (as if it were not there) or `forbid`
    #[arg(long, env, value_enum, default_value = "hide")]
    pub ownership_denial: OwnershipDenial,

    /// Largest request body
    #[arg(long, env, default_value = "256KiB")]
    pub max_body: ByteSize,

    /// Deepest nesting of a query's fields; introspection has a limit of its own
    #[arg(long, env, default_value = "12")]
    pub max_depth: u32,

    /// Highest cost of a query: objects asked for, lists multiplied by their length, plus plain fields
    #[arg(long, env, default_value = "1000")]
    pub max_cost: u64,

    /// Most aliases in a query
    #[arg(long, env, default_value = "30")]
    pub max_aliases: u64,

    /// How long a request's body may take to arrive, and its answer to be made
    #[arg(long, env, default_value = "10s")]
    pub request_timeout: Span,

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
    /// The database.
    pub database_url: SecretString,
    /// Who may sign callers in.
    pub identity: IdentityConfig,
    /// Origins of web pages that may call with cookies.
    pub allowed_origins: Vec<Origin>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How another's row is denied.
    pub ownership_denial: OwnershipDenial,
    /// What a request may cost.
    pub limits: Limits,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// Where development keeps its key.
    pub development_key: PathBuf,
}

/// Beside the default database: in the directory that the server runs in.
const DEVELOPMENT_KEY: &str = "hallpass-dev-key.der";

/// How callers are recognized.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The auth server, if there is one.
    pub auth_server: Option<AuthServer>,
    /// Where the key set is, if there is one.
    pub jwks_url: Option<Url>,
    /// Accepted issuers of first-party JWTs.
    pub issuers: Vec<String>,
    /// Accepted audiences of first-party JWTs.
    pub audiences: Vec<String>,
    /// Secrets of HS256 tokens; each may have signed.
    pub jwt_secrets: Vec<SecretString>,
    /// Forgiven difference between clocks.
    pub leeway: Duration,
    /// Age at which the key set is fetched again.
    pub jwks_ttl: Duration,
    /// Least time between two fetches.
    pub jwks_cooldown: Duration,
    /// How long the auth server may take.
    pub timeout: Duration,
    /// How long a session is believed.
    pub session_ttl: Duration,
    /// Where the caller's properties stand.
    pub claims: ClaimNames,
    /// The tiers, lowest first.
    pub tiers: Tiers,
}

/// The Better Auth server.
#[derive(Clone, Debug)]
pub struct AuthServer {
    /// `{url}{base path}`, without a slash at the end.
    pub base: String,
    /// Prefix of its cookies.
    pub cookie_prefix: String,
}

/// Names of the claims, or fields of the user object, that make up a caller.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// Roles.
    pub role: String,
    /// Tier.
    pub tier: String,
    /// Permissions.
    pub permissions: String,
    /// Organization.
    pub organization: String,
}

/// What one request may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Levels of nested fields.
    pub depth: u32,
    /// See `MAX_COST`.
    pub cost: u64,
    /// Aliases in one document.
    pub aliases: u64,
    /// Time for one request.
    pub timeout: Duration,
}

/// Development or production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Built-in issuer and personas, loopback only.
    Development,
    /// Callers are recognized by the configured sources alone.
    Production,
}

/// How another's row is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OwnershipDenial {
    /// It reads as not there.
    Hide,
    /// It reads as forbidden.
    Forbid,
}

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
        let jwks_url = self.jwks_url.as_ref().map(|url| url.0.clone());
        let has_identity = auth_url.is_some() || jwks_url.is_some() || !self.jwt_secret.is_empty();
        let environment = self.environment(has_identity)?;
        let limits = self.limits()?;
        let identity = self.identity(auth_url, jwks_url)?;
        Ok(Config {
            environment,
            address: SocketAddr::new(self.api_host, self.api_port),
            database_url: database_url(self.database_url)?,
            identity,
            allowed_origins: self.allowed_origins,
            trusted_proxies: self.trusted_proxies,
            ownership_denial: self.ownership_denial,
            limits,
            introspection: self.introspection.unwrap_or(environment == Environment::Development),
            development_key: PathBuf::from(DEVELOPMENT_KEY),
        })
    }

    fn auth_url(&self) -> Result<Option<Url>, ConfigError> {
        let said = [&self.better_auth_url, &self.auth_service_url, &self.auth_server_url];
        let mut urls = said.into_iter().flatten().map(|url| &url.0);
        let first = urls.next();
        if let (Some(first), Some(other)) = (first, urls.find(|url| Some(*url) != first)) {
            return wrong(format!(
                "BETTER_AUTH_URL, AUTH_SERVICE_URL and AUTH_SERVER_URL are one setting, and two of \
                 them disagree ({first} and {other}): keep BETTER_AUTH_URL"
            ));
        }
        match first {
            Some(url) if format!("{}/", url.origin().ascii_serialization()) != url.as_str() => {
                wrong(format!(
                    "BETTER_AUTH_URL has more than an origin: give {} alone, and put a path into \
                     BETTER_AUTH_BASE_PATH",
                    url.origin().ascii_serialization()
                ))
            }
            url => Ok(url.cloned()),
        }
    }

    fn environment(&self, has_identity: bool) -> Result<Environment, ConfigError> {
        match (self.hallpass_env, has_identity) {
            (None | Some(Environment::Production), true) => Ok(Environment::Production),
            (Some(Environment::Production), false) => wrong(
                "HALLPASS_ENV is production and nothing can sign callers in: set BETTER_AUTH_URL \
                 (or JWKS_URL, or JWT_SECRET)",
            ),
            (Some(Environment::Development), true) => wrong(
                "HALLPASS_ENV is development, whose built-in issuer must never stand beside a real \
                 one: remove it, or remove BETTER_AUTH_URL, JWKS_URL and JWT_SECRET",
            ),
            (None | Some(Environment::Development), false) => {
                if self.api_host.is_loopback() {
                    return Ok(Environment::Development);
                }
                wrong(format!(
                    "API_HOST is {}, and development mode gives anyone who can reach it an admin \
                     token: serve on 127.0.0.1, or set BETTER_AUTH_URL for production",
                    self.api_host
                ))
            }
        }
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let body = usize::try_from(self.max_body.as_u64()).unwrap_or(usize::MAX);
        if body == 0 {
            return wrong("MAX_BODY is 0, which refuses every request: give a size such as 256KiB");
        }
        for (name, value) in [("MAX_DEPTH", u64::from(self.max_depth)), ("MAX_COST", self.max_cost)]
        {
            if value == 0 {
                return wrong(format!(
                    "{name} is 0, which refuses every query: give a number above 0"
                ));
            }
        }
        for (name, span) in [
            ("REQUEST_TIMEOUT", self.request_timeout),
            ("AUTH_TIMEOUT", self.auth_timeout),
            ("JWKS_TTL", self.jwks_ttl),
        ] {
            if span.0.is_zero() {
                return wrong(format!("{name} is 0, which leaves no time: give a time such as 5s"));
            }
        }
        if self.jwt_leeway.0 > LONGEST_LEEWAY {
            return wrong(
                "JWT_LEEWAY is longer than 5m, which lets expired tokens live on: set the clocks \
                 right, and give a time such as 10s",
            );
        }
        Ok(Limits {
            body,
            depth: self.max_depth,
            cost: self.max_cost,
            aliases: self.max_aliases,
            timeout: self.request_timeout.0,
        })
    }

    fn identity(
        &self,
        auth_url: Option<Url>,
        jwks_url: Option<Url>,
    ) -> Result<IdentityConfig, ConfigError> {
        let origin = auth_url.map(|url| url.origin().ascii_serialization());
        let auth_server = origin.as_ref().map(|origin| AuthServer {
            base: format!("{origin}{}", self.better_auth_base_path.0),
            cookie_prefix: self.cookie_prefix.0.clone(),
        });
        let jwks_url = match (&auth_server, jwks_url) {
            (Some(server), None) => Url::parse(&format!("{}/jwks", server.base)).ok(),
            (_, url) => url,
        };
        let issuers = or_origin(&self.jwt_issuer, origin.as_deref());
        let audiences = or_origin(&self.jwt_audience, origin.as_deref());
        for (name, accepted) in [("JWT_ISSUER", &issuers), ("JWT_AUDIENCE", &audiences)] {
            if jwks_url.is_some() && accepted.is_empty() {
                return wrong(format!(
                    "JWKS_URL is set without {name}, so tokens meant for anyone would pass: set {name}"
                ));
            }
        }
        for secret in &self.jwt_secret {
            check_secret(secret)?;
        }
        Ok(IdentityConfig {
            auth_server,
            jwks_url,
            issuers,
            audiences,
            jwt_secrets: self.jwt_secret.clone(),
            leeway: self.jwt_leeway.0,
            jwks_ttl: self.jwks_ttl.0,
            jwks_cooldown: self.jwks_cooldown.0,
            timeout: self.auth_timeout.0,
            session_ttl: self.session_cache_ttl.0,
            claims: ClaimNames {
                role: self.role_claim.0.clone(),
                tier: self.tier_claim.0.clone(),
                permissions: self.permissions_claim.0.clone(),
                organization: self.organization_claim.0.clone(),
            },
            tiers: self.tiers.clone(),
        })
    }
}

/// Clocks that differ by more are wrong, not different.
const LONGEST_LEEWAY: Duration = Duration::from_secs(300);

fn wrong<T>(sentence: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(sentence.into()))
}

fn or_origin(said: &[Word], origin: Option<&str>) -> Vec<String> {
    match origin {
        Some(origin) if said.is_empty() => vec![origin.to_owned()],
        _ => said.iter().map(|word| word.0.clone()).collect(),
    }
}

fn database_url(url: SecretString) -> Result<SecretString, ConfigError> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
        return Ok(url);
    }
    wrong("DATABASE_URL names no known database: start it with sqlite:// or postgres://")
}

/// RFC 7518 section 3.2: an HS256 key has at least 256 bits. A PEM is a public key taken for a
/// secret: anyone who can read it could sign.
fn check_secret(secret: &SecretString) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    if secret.len() < 32 {
        return wrong(
            "JWT_SECRET holds a secret of fewer than 32 bytes, which can be guessed: make one with \
             `openssl rand -base64 32`",
        );
    }
    if secret.contains("-----BEGIN") {
        return wrong(
            "JWT_SECRET holds a PEM key, which is no shared secret: set BETTER_AUTH_URL or JWKS_URL \
             to verify tokens signed with a private key",
        );
    }
    Ok(())
}
