//! Settings of authentication (flags and environment variables), and the validated configuration.

use std::time::Duration;

use axum::http::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

mod error;
mod values;

pub use error::{ConfigError, invalid};
pub use values::{
    ApiKeyHeader, BasePath, CookieName, HttpUrl, HumanDuration, JwtSubject, NonEmptyString, Origin,
    RawHttpUrl, Tiers, TrustMode, UserLookupUrl,
};

/// The settings of authentication: flags and environment variables, to flatten into a command line
/// (`#[command(flatten)]`).
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authentication")]
pub struct IdentitySettings {
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

    /// URL of the JSON Web Key Set, if it is not `{url}{base path}/jwks`
    #[arg(long, env)]
    pub jwks_url: Option<HttpUrl>,

    /// Accepted `iss` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_issuer: Vec<NonEmptyString>,

    /// Accepted `aud` of first-party JWTs, comma-separated; left out, the origin of BETTER_AUTH_URL
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_audience: Vec<NonEmptyString>,

    /// Claim with the user's id in first-party JWTs: `id`, which does not depend on the jwt plugin's `getSubject`
    /// (if it is missing, `sub` is used); or `sub`
    #[arg(long, env, value_enum, default_value = "id")]
    pub jwt_subject: JwtSubject,

    /// Shared secret of HS256 bearer tokens, 32 bytes at least; a comma-separated list rotates
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub jwt_secret: Vec<SecretString>,

    /// Accepted `iss` of JWT_SECRET's tokens, comma-separated; left out, any or none
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_issuer: Vec<NonEmptyString>,

    /// Accepted `aud` of JWT_SECRET's tokens, comma-separated; left out, none, or one of JWT_AUDIENCE
    #[arg(long, env, value_delimiter = ',')]
    pub jwt_secret_audience: Vec<NonEmptyString>,

    /// Accepted for compatibility with other programs, and ignored
    #[arg(long, env, hide = true)]
    jwt_algorithm: Option<String>,

    /// Client id(s) of this application at the OpenID provider: accepted `aud` of id tokens,
    /// comma-separated. Left out, id tokens are rejected
    #[arg(long, env, value_delimiter = ',')]
    pub sso_client_id: Vec<NonEmptyString>,

    /// Accepted `aud` of OAuth access tokens (RFC 8707 resources), comma-separated. Left out, such tokens
    /// are rejected
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_resource: Vec<NonEmptyString>,

    /// Client ids of OAuth clients whose access tokens have all rights of their user, comma-separated: your
    /// own apps. `*` is every client of the auth server. The tokens of all others can access only the fields
    /// that their scopes cover, such as `tasks:read`
    #[arg(long, env, value_delimiter = ',')]
    pub oauth_full_clients: Vec<NonEmptyString>,

    /// Issuer of id tokens and access tokens; left out, `{url}{base path}`. The keys of an issuer with another
    /// origin than BETTER_AUTH_URL are found by OpenID Connect Discovery
    #[arg(long, env)]
    pub oidc_issuer: Option<RawHttpUrl>,

    /// URL of the key set of OIDC_ISSUER, if discovery does not work, such as for an issuer that this server
    /// reaches under another name
    #[arg(long, env)]
    pub oidc_jwks_url: Option<HttpUrl>,

    /// Client that may introspect opaque access tokens (RFC 7662)
    #[arg(long, env)]
    pub introspection_client_id: Option<NonEmptyString>,

    /// Secret of INTROSPECTION_CLIENT_ID
    #[arg(long, env, hide_env_values = true)]
    pub introspection_client_secret: Option<SecretString>,

    /// `trust`: accept opaque access tokens with the scope `openid`, of any client, validated at the
    /// userinfo endpoint. Only if every client of the auth server is yours
    #[arg(long, env, value_enum, default_value = "off")]
    pub userinfo: TrustMode,

    /// Secret of the Better Auth server: the signature of session cookies is then verified here before they
    /// are validated there. 32 bytes at least with COOKIE_CACHE=trust. A comma-separated list rotates
    /// (`2:NEW,1:OLD` as well). Also read from BETTER_AUTH_SECRETS
    #[arg(long, env, hide_env_values = true, value_delimiter = ',')]
    pub better_auth_secret: Vec<SecretString>,

    #[arg(long, env, hide = true, hide_env_values = true, value_delimiter = ',')]
    better_auth_secrets: Vec<SecretString>,

    /// `trust`: trust Better Auth's `session_data` cookie until it expires (5 minutes by default), so that
    /// fewer sessions are validated at the auth server, and sign-outs take effect as much later
    #[arg(long, env, value_enum, default_value = "off")]
    pub cookie_cache: TrustMode,

    /// Version that a trusted cookie cache must have (`session.cookieCache.version` of the auth server);
    /// left out, any
    #[arg(long, env)]
    pub cookie_cache_version: Option<NonEmptyString>,

    /// Endpoint of the application that verifies API keys; left out, they are validated at `get-session`
    #[arg(long, env)]
    pub api_key_verify_url: Option<HttpUrl>,

    /// API key sent to the application's endpoints, for looking users up
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

    /// Prefix of Better Auth's cookie names
    #[arg(long, env, default_value = "better-auth")]
    pub cookie_prefix: CookieName,

    /// Full name of the session cookie, if `advanced.cookies` of the auth server sets one; left out,
    /// `{prefix}.session_token`
    #[arg(long, env)]
    pub session_cookie: Option<CookieName>,

    /// Header that carries API keys
    #[arg(long, env, default_value = "x-api-key")]
    pub api_key_header: ApiKeyHeader,

    /// Clock skew tolerated when validating token times
    #[arg(long, env, default_value = "10s")]
    pub jwt_leeway: HumanDuration,

    /// Age at which the key set is fetched again
    #[arg(long, env, default_value = "1h")]
    pub jwks_ttl: HumanDuration,

    /// Period in which unknown keys cause three fetches of the key set at most, and forged signatures one
    #[arg(long, env, default_value = "30s")]
    pub jwks_cooldown: HumanDuration,

    /// Timeout of requests to the auth server
    #[arg(long, env, default_value = "5s")]
    pub auth_timeout: HumanDuration,

    /// How long a validated session is cached: the maximum delay of a sign-out
    #[arg(long, env, default_value = "30s")]
    pub session_cache_ttl: HumanDuration,

    /// Claim or user field with the roles (comma-separated text, or a list). Of several names,
    /// comma-separated, the first that is present is used; each is a name, or a path such as
    /// `realm_access.roles`
    #[arg(long, env, default_value = "role", value_delimiter = ',')]
    pub role_claim: Vec<NonEmptyString>,

    /// Claim or user field with the tier; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "tier", value_delimiter = ',')]
    pub tier_claim: Vec<NonEmptyString>,

    /// Claim or user field with the permissions; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "permissions", value_delimiter = ',')]
    pub permissions_claim: Vec<NonEmptyString>,

    /// Claim or user field with the organization; several as in ROLE_CLAIM
    #[arg(long, env, default_value = "organization_id", value_delimiter = ',')]
    pub organization_claim: Vec<NonEmptyString>,

    /// Tiers in rising order, each with an optional monthly price: `free=0,premium=12`
    #[arg(long, env, default_value = "free,premium,enterprise")]
    pub tiers: Tiers,
}

/// The maximum tolerated clock skew.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// The validated configuration of authentication.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The auth server, if any.
    pub auth_server: Option<AuthServer>,
    /// Prefix of its cookies.
    pub cookie_prefix: String,
    /// Name of its session cookie, without `__Secure-`.
    pub session_cookie: String,
    /// Header that carries API keys.
    pub api_key_header: HeaderName,
    /// Its secrets; any of them may have signed.
    pub auth_secrets: Vec<SecretString>,
    /// Whether its cookie cache is trusted.
    pub trusts_cookie_cache: bool,
    /// The required version of its cookie cache; none for any.
    pub cookie_cache_version: Option<String>,
    /// URL of the key set, if any.
    pub jwks_url: Option<Url>,
    /// Accepted issuers of first-party JWTs.
    pub issuers: Vec<String>,
    /// Accepted audiences of first-party JWTs.
    pub audiences: Vec<String>,
    /// Which claim of first-party JWTs holds the user's id.
    pub jwt_subject: JwtSubject,
    /// Secrets of HS256 tokens; any of them may have signed.
    pub jwt_secrets: Vec<SecretString>,
    /// Accepted issuers of HS256 tokens; empty for any or none.
    pub jwt_secret_issuers: Vec<String>,
    /// Accepted audiences of HS256 tokens; empty for none, or one of first-party JWTs.
    pub jwt_secret_audiences: Vec<String>,
    /// Issuer of id tokens and access tokens.
    pub oidc_issuer: Option<String>,
    /// The same, if it is not the auth server and has its own keys.
    pub foreign_provider: Option<String>,
    /// URL of that issuer's keys, if configured.
    pub oidc_jwks_url: Option<Url>,
    /// Accepted audiences of id tokens: this application's clients.
    pub client_ids: Vec<String>,
    /// Accepted audiences of access tokens.
    pub oauth_resources: Vec<String>,
    /// The OAuth clients with all rights of their users; `*` for all.
    pub full_clients: Vec<String>,
    /// How opaque access tokens are validated, if they are accepted.
    pub opaque_tokens: Option<OpaqueTokenConfig>,
    /// The application's endpoint for API keys.
    pub api_key_url: Option<Url>,
    /// Authenticates this server at endpoints of the application.
    pub machine_key: Option<SecretString>,
    /// The application's endpoint for users.
    pub user_lookup: Option<UserLookupConfig>,
    /// Secrets of revocation messages; any of them may have signed.
    pub revocation_secrets: Vec<SecretString>,
    /// Tolerated clock skew.
    pub leeway: Duration,
    /// Age at which the key set is fetched again.
    pub jwks_ttl: Duration,
    /// Minimum time between two fetches.
    pub jwks_cooldown: Duration,
    /// Timeout of requests to the auth server.
    pub timeout: Duration,
    /// How long a validated session is cached.
    pub session_ttl: Duration,
    /// The claims with the caller's properties.
    pub claims: ClaimNames,
    /// The tiers, lowest first.
    pub tiers: Tiers,
}

/// The Better Auth server.
#[derive(Clone, Debug)]
pub struct AuthServer {
    /// `{url}{base path}`, without a slash at the end.
    pub base: String,
}

/// How opaque access tokens are validated.
#[derive(Clone, Debug)]
pub enum OpaqueTokenConfig {
    /// By introspection (RFC 7662).
    Introspection {
        /// This server's client at the auth server.
        client_id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// By userinfo (OpenID Connect Core section 5.3).
    UserInfo,
}

/// The application's endpoint that looks a user up.
#[derive(Clone, Debug)]
pub struct UserLookupConfig {
    /// Its URL, with `{id}` in it.
    pub url: String,
    /// Authenticates this server there.
    pub key: SecretString,
}

/// Names of the claims, or fields of the user object, that describe a caller: of each list, the first
/// that is present is used.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// Roles.
    pub role: Vec<String>,
    /// Tier.
    pub tier: Vec<String>,
    /// Permissions.
    pub permissions: Vec<String>,
    /// Organization.
    pub organization: Vec<String>,
}

impl IdentityConfig {
    fn from_settings(settings: &IdentitySettings) -> Result<Self, ConfigError> {
        let origin = settings.auth_url()?.map(|url| url.origin().ascii_serialization());
        let base =
            origin.as_ref().map(|origin| format!("{origin}{}", settings.better_auth_base_path.0));
        let configured_issuer = settings.oidc_issuer.as_ref().map(|issuer| issuer.0.clone());
        let config = Self {
            cookie_prefix: settings.cookie_prefix.0.clone(),
            session_cookie: match &settings.session_cookie {
                Some(name) => name.0.clone(),
                None => format!("{}.session_token", settings.cookie_prefix.0),
            },
            api_key_header: settings.api_key_header.0.clone(),
            auth_secrets: settings.auth_secrets()?,
            trusts_cookie_cache: settings.cookie_cache == TrustMode::Trust,
            cookie_cache_version: settings.cookie_cache_version.as_ref().map(|it| it.0.clone()),
            jwks_url: match (&settings.jwks_url, &base) {
                (Some(url), _) => Some(url.0.clone()),
                (None, Some(base)) => Url::parse(&format!("{base}/jwks")).ok(),
                (None, None) => None,
            },
            issuers: or_origin(&settings.jwt_issuer, origin.as_deref()),
            audiences: or_origin(&settings.jwt_audience, origin.as_deref()),
            jwt_subject: settings.jwt_subject,
            jwt_secrets: settings.jwt_secret.clone(),
            jwt_secret_issuers: words(&settings.jwt_secret_issuer),
            jwt_secret_audiences: words(&settings.jwt_secret_audience),
            oidc_jwks_url: settings.oidc_jwks_url.as_ref().map(|url| url.0.clone()),
            foreign_provider: configured_issuer
                .clone()
                .filter(|it| !has_origin(it, origin.as_deref())),
            oidc_issuer: configured_issuer.or_else(|| base.clone()),
            client_ids: words(&settings.sso_client_id),
            oauth_resources: words(&settings.oauth_resource),
            full_clients: words(&settings.oauth_full_clients),
            opaque_tokens: settings.opaque_tokens(base.is_some())?,
            api_key_url: settings.api_key_verify_url.as_ref().map(|url| url.0.clone()),
            machine_key: settings.sso_api_key.clone(),
            user_lookup: settings.user_lookup(origin.as_deref())?,
            revocation_secrets: settings.revocation_secret.clone(),
            leeway: settings.jwt_leeway.0,
            jwks_ttl: settings.jwks_ttl.0,
            jwks_cooldown: settings.jwks_cooldown.0,
            timeout: settings.auth_timeout.0,
            session_ttl: settings.session_cache_ttl.0,
            claims: settings.claim_names(),
            tiers: settings.tiers.clone(),
            auth_server: base.map(|base| AuthServer { base }),
        };
        config.check()?;
        settings.reject_ineffective(&config)?;
        Ok(config)
    }

    /// Whether any authentication method is configured.
    #[must_use]
    pub fn has_source(&self) -> bool {
        self.auth_server.is_some()
            || self.jwks_url.is_some()
            || self.api_key_url.is_some()
            || self.foreign_provider.is_some()
            || !self.jwt_secrets.is_empty()
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (name, accepted) in [("JWT_ISSUER", &self.issuers), ("JWT_AUDIENCE", &self.audiences)] {
            if self.jwks_url.is_some() && accepted.is_empty() {
                return invalid(format!(
                    "JWKS_URL is set without {name}, so tokens for any audience would be accepted: set {name}"
                ));
            }
        }
        if self.oidc_jwks_url.is_some() && self.oidc_issuer.is_none() {
            return invalid(
                "OIDC_JWKS_URL is set, and no issuer of such tokens is: set OIDC_ISSUER or BETTER_AUTH_URL",
            );
        }
        if let Some(both) = self.client_ids.iter().find(|id| self.audiences.contains(id)) {
            return invalid(format!(
                "SSO_CLIENT_ID and JWT_AUDIENCE both hold `{both}`, so an id token and a first-party \
                 JWT could not be distinguished: use different values"
            ));
        }
        for (name, values) in
            [("SSO_CLIENT_ID", &self.client_ids), ("OAUTH_RESOURCE", &self.oauth_resources)]
        {
            if !values.is_empty() && self.oidc_issuer.is_none() {
                return invalid(format!(
                    "{name} is set, and no issuer of such tokens is: set BETTER_AUTH_URL or OIDC_ISSUER"
                ));
            }
        }
        if self.trusts_cookie_cache && self.auth_server.is_none() {
            return invalid(
                "COOKIE_CACHE is trust, and no auth server is set: set BETTER_AUTH_URL",
            );
        }
        self.check_secrets()
    }

    fn check_secrets(&self) -> Result<(), ConfigError> {
        for secret in &self.jwt_secrets {
            check_secret("JWT_SECRET", secret, 32)?;
        }
        // A guessed secret allows forging the cookie cache; without it, the auth server validates sessions.
        let min_bytes = if self.trusts_cookie_cache { 32 } else { 1 };
        for secret in &self.auth_secrets {
            check_secret("BETTER_AUTH_SECRET", secret, min_bytes)?;
        }
        let lookup_key = self.user_lookup.as_ref().map(|lookup| &lookup.key);
        let client_secret = match &self.opaque_tokens {
            Some(OpaqueTokenConfig::Introspection { secret, .. }) => Some(secret),
            Some(OpaqueTokenConfig::UserInfo) | None => None,
        };
        for (name, secret) in
            [("SSO_API_KEY", lookup_key), ("INTROSPECTION_CLIENT_SECRET", client_secret)]
        {
            if secret.is_some_and(|secret| secret.expose_secret().is_empty()) {
                return invalid(format!("{name} is empty: give a value, or remove the setting"));
            }
        }
        for secret in &self.revocation_secrets {
            check_secret("REVOCATION_SECRET", secret, 24)?;
        }
        Ok(())
    }
}

impl IdentitySettings {
    /// Validates the settings together and derives defaults.
    ///
    /// # Errors
    /// On the first invalid setting, with the fix.
    pub fn check(&self) -> Result<IdentityConfig, ConfigError> {
        self.check_durations()?;
        IdentityConfig::from_settings(self)
    }

    fn check_durations(&self) -> Result<(), ConfigError> {
        for (name, duration) in [("AUTH_TIMEOUT", self.auth_timeout), ("JWKS_TTL", self.jwks_ttl)] {
            if duration.0.is_zero() {
                return invalid(format!("{name} is 0: give a time such as 5s"));
            }
        }
        if self.jwt_leeway.0 > MAX_LEEWAY {
            return invalid(
                "JWT_LEEWAY is longer than 5m, which accepts expired tokens for too long: set the clocks \
                 right, and give a time such as 10s",
            );
        }
        Ok(())
    }

    /// The origin of the auth server, from any of its three settings.
    fn auth_url(&self) -> Result<Option<Url>, ConfigError> {
        let urls = [&self.better_auth_url, &self.auth_service_url, &self.auth_server_url];
        let mut urls = urls.into_iter().flatten().map(|url| &url.0);
        let first = urls.next();
        if let (Some(first), Some(other)) = (first, urls.find(|url| Some(*url) != first)) {
            return invalid(format!(
                "BETTER_AUTH_URL, AUTH_SERVICE_URL and AUTH_SERVER_URL are one setting, and two of \
                 them disagree ({first} and {other}): keep BETTER_AUTH_URL"
            ));
        }
        match first {
            Some(url) if format!("{}/", url.origin().ascii_serialization()) != url.as_str() => {
                invalid(format!(
                    "BETTER_AUTH_URL has more than an origin: give {} alone, and put a path into \
                     BETTER_AUTH_BASE_PATH",
                    url.origin().ascii_serialization()
                ))
            }
            url => Ok(url.cloned()),
        }
    }

    /// Better Auth numbers the secrets of a list: `2:NEW,1:OLD`.
    fn auth_secrets(&self) -> Result<Vec<SecretString>, ConfigError> {
        let all = self.better_auth_secrets.iter().chain(&self.better_auth_secret);
        let bare = |secret: &SecretString| {
            let text = secret.expose_secret();
            match text.split_once(':') {
                Some((number, bare)) if number.parse::<u32>().is_ok() => bare.to_owned().into(),
                _ => secret.clone(),
            }
        };
        Ok(all.map(bare).collect())
    }

    /// Rejects settings that have no effect without another: the operator expects them to authenticate
    /// callers.
    fn reject_ineffective(&self, config: &IdentityConfig) -> Result<(), ConfigError> {
        if !config.auth_secrets.is_empty() && config.auth_server.is_none() {
            return invalid(
                "BETTER_AUTH_SECRET is set, and authenticates no caller by itself, because Better Auth signs no \
                 JWT with it: set BETTER_AUTH_URL to the auth server as well, or JWT_SECRET if a server of \
                 yours signs HS256 tokens",
            );
        }
        if config.jwks_url.is_none()
            && !(self.jwt_issuer.is_empty() && self.jwt_audience.is_empty())
        {
            return invalid(
                "JWT_ISSUER or JWT_AUDIENCE is set, and no key set is: set BETTER_AUTH_URL or JWKS_URL, or \
                 for tokens of JWT_SECRET set JWT_SECRET_ISSUER and JWT_SECRET_AUDIENCE instead",
            );
        }
        if self.jwt_secret.is_empty()
            && !(self.jwt_secret_issuer.is_empty() && self.jwt_secret_audience.is_empty())
        {
            return invalid(
                "JWT_SECRET_ISSUER or JWT_SECRET_AUDIENCE is set without JWT_SECRET: set it as well",
            );
        }
        if self.jwt_algorithm.is_some() && !config.has_source() {
            return invalid(
                "JWT_ALGORITHM is set, and no authentication method is: set BETTER_AUTH_URL to the auth \
                 server, or JWT_SECRET if a server of yours signs HS256 tokens",
            );
        }
        Ok(())
    }

    fn opaque_tokens(
        &self,
        has_auth_server: bool,
    ) -> Result<Option<OpaqueTokenConfig>, ConfigError> {
        let introspection = match (&self.introspection_client_id, &self.introspection_client_secret)
        {
            (Some(id), Some(secret)) => {
                let (client_id, secret) = (id.0.clone(), secret.clone());
                Some(OpaqueTokenConfig::Introspection { client_id, secret })
            }
            (None, None) => None,
            (Some(_), None) => {
                return invalid(
                    "INTROSPECTION_CLIENT_ID is set without INTROSPECTION_CLIENT_SECRET: set both",
                );
            }
            (None, Some(_)) => {
                return invalid(
                    "INTROSPECTION_CLIENT_SECRET is set without INTROSPECTION_CLIENT_ID: set both",
                );
            }
        };
        let method = match (introspection, self.userinfo) {
            (Some(_), TrustMode::Trust) => {
                return invalid(
                    "USERINFO is trust, and INTROSPECTION_CLIENT_ID is set, which is the stricter method: \
                     keep one of the two",
                );
            }
            (None, TrustMode::Trust) => Some(OpaqueTokenConfig::UserInfo),
            (method, TrustMode::Off) => method,
        };
        if method.is_some() && !has_auth_server {
            return invalid(
                "INTROSPECTION_CLIENT_ID or USERINFO is set, and no auth server is: set BETTER_AUTH_URL",
            );
        }
        Ok(method)
    }

    fn user_lookup(&self, origin: Option<&str>) -> Result<Option<UserLookupConfig>, ConfigError> {
        let default = origin.map(|origin| format!("{origin}/api/admin/users/{{id}}"));
        let url = self.user_lookup_url.as_ref().map(|url| url.0.clone()).or(default);
        match (url, self.sso_api_key.clone()) {
            (Some(url), Some(key)) => Ok(Some(UserLookupConfig { url, key })),
            (Some(_), None) if self.user_lookup_url.is_some() => invalid(
                "USER_LOOKUP_URL is set without SSO_API_KEY, which authenticates the request: set both",
            ),
            _ => Ok(None),
        }
    }

    fn claim_names(&self) -> ClaimNames {
        ClaimNames {
            role: words(&self.role_claim),
            tier: words(&self.tier_claim),
            permissions: words(&self.permissions_claim),
            organization: words(&self.organization_claim),
        }
    }
}

fn words(values: &[NonEmptyString]) -> Vec<String> {
    values.iter().map(|word| word.0.clone()).collect()
}

fn or_origin(values: &[NonEmptyString], origin: Option<&str>) -> Vec<String> {
    match origin {
        Some(origin) if values.is_empty() => vec![origin.to_owned()],
        _ => words(values),
    }
}

fn has_origin(issuer: &str, origin: Option<&str>) -> bool {
    Url::parse(issuer).is_ok_and(|url| Some(url.origin().ascii_serialization().as_str()) == origin)
}

/// RFC 7518 section 3.2: a key has at least as many bits as the hash. A PEM is a public key used as a
/// secret by mistake: anyone who can read it could sign.
fn check_secret(name: &str, secret: &SecretString, min_bytes: usize) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    if secret.contains("-----BEGIN") {
        return invalid(format!(
            "{name} holds a PEM key, which is not a shared secret: set BETTER_AUTH_URL or JWKS_URL to \
             verify tokens signed with a private key"
        ));
    }
    let length = match secret.strip_prefix("whsec_") {
        None => secret.len(),
        Some(encoded) => match STANDARD.decode(encoded) {
            Ok(bytes) => bytes.len(),
            Err(_) => {
                return invalid(format!(
                    "{name} starts with whsec_, and what follows is not base64: copy it whole"
                ));
            }
        },
    };
    if length == 0 {
        return invalid(format!("{name} is empty: give a value, or remove the setting"));
    }
    if length < min_bytes {
        return invalid(format!(
            "{name} holds a secret of fewer than {min_bytes} bytes, which can be guessed: make one with \
             `openssl rand -base64 32`"
        ));
    }
    Ok(())
}
