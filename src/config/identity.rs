//! How callers are recognized: what the settings about identity amount to.

use std::time::Duration;

use axum::http::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, Settings, Tiers, Trust, Word, wrong};

/// How callers are recognized.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// The auth server, if there is one.
    pub auth_server: Option<AuthServer>,
    /// Prefix of its cookies.
    pub cookie_prefix: String,
    /// Name of its session cookie, without `__Secure-`.
    pub session_cookie: String,
    /// Header in which API keys come.
    pub api_key_header: HeaderName,
    /// Its secrets; each may have signed.
    pub auth_secrets: Vec<SecretString>,
    /// Whether its cookie cache is believed.
    pub trusts_cookie_cache: bool,
    /// The version that its cookie cache must have; none for any.
    pub cookie_cache_version: Option<String>,
    /// Where the key set is, if there is one.
    pub jwks_url: Option<Url>,
    /// Accepted issuers of first-party JWTs.
    pub issuers: Vec<String>,
    /// Accepted audiences of first-party JWTs.
    pub audiences: Vec<String>,
    /// Which claim of first-party JWTs names the user.
    pub jwt_subject: JwtSubject,
    /// Secrets of HS256 tokens; each may have signed.
    pub jwt_secrets: Vec<SecretString>,
    /// Accepted issuers of HS256 tokens; empty for any or none.
    pub jwt_secret_issuers: Vec<String>,
    /// Accepted audiences of HS256 tokens; empty for none, or one of first-party JWTs.
    pub jwt_secret_audiences: Vec<String>,
    /// Issuer of id tokens and access tokens.
    pub oidc_issuer: Option<String>,
    /// The same, where it is another server than the auth server, with keys of its own.
    pub foreign_provider: Option<String>,
    /// Where that issuer's keys are, if that is known without asking.
    pub oidc_jwks_url: Option<Url>,
    /// Accepted audiences of id tokens: our clients.
    pub client_ids: Vec<String>,
    /// Accepted audiences of access tokens.
    pub oauth_resources: Vec<String>,
    /// The OAuth clients whose access tokens act as their users wholly; `*` for all.
    pub full_clients: Vec<String>,
    /// How opaque access tokens are checked, if they are let in.
    pub opaque_tokens: Option<OpaqueTokenConfig>,
    /// The application's endpoint for API keys.
    pub api_key_url: Option<Url>,
    /// What shows us to endpoints of the application.
    pub machine_key: Option<SecretString>,
    /// The application's endpoint for users.
    pub user_lookup: Option<UserLookupConfig>,
    /// Secrets of messages that take something back; each may have signed.
    pub revocation_secrets: Vec<SecretString>,
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
}

/// Which claim of first-party JWTs names the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum JwtSubject {
    /// `id`, the user's id at the auth server, where it is there; else `sub`.
    Id,
    /// `sub`.
    Sub,
}

/// How opaque access tokens are checked.
#[derive(Clone, Debug)]
pub enum OpaqueTokenConfig {
    /// By introspection (RFC 7662).
    Introspection {
        /// Our client at the auth server.
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
    /// Its address, with `{id}` in it.
    pub url: String,
    /// What shows us to it.
    pub key: SecretString,
}

/// Names of the claims, or fields of the user object, that make up a caller: of each, the first that is
/// there counts.
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
    /// What `settings` amount to, with the auth server at `auth_url`.
    ///
    /// # Errors
    /// On the first setting that is wrong, with the fix.
    pub(super) fn from_settings(
        settings: &Settings,
        auth_url: Option<Url>,
    ) -> Result<Self, ConfigError> {
        let origin = auth_url.map(|url| url.origin().ascii_serialization());
        let base =
            origin.as_ref().map(|origin| format!("{origin}{}", settings.better_auth_base_path.0));
        let said_issuer = settings.oidc_issuer.as_ref().map(|issuer| issuer.0.clone());
        let config = Self {
            cookie_prefix: settings.cookie_prefix.0.clone(),
            session_cookie: match &settings.session_cookie {
                Some(name) => name.0.clone(),
                None => format!("{}.session_token", settings.cookie_prefix.0),
            },
            api_key_header: settings.api_key_header.0.clone(),
            auth_secrets: settings.auth_secrets()?,
            trusts_cookie_cache: settings.cookie_cache == Trust::Trust,
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
            foreign_provider: said_issuer.clone().filter(|it| !is_at(it, origin.as_deref())),
            oidc_issuer: said_issuer.or_else(|| base.clone()),
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
        settings.refuse_stranded(&config)?;
        Ok(config)
    }

    /// Whether anything can sign callers in.
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
                return wrong(format!(
                    "JWKS_URL is set without {name}, so tokens meant for anyone would pass: set {name}"
                ));
            }
        }
        if self.oidc_jwks_url.is_some() && self.oidc_issuer.is_none() {
            return wrong(
                "OIDC_JWKS_URL is set, and no issuer of such tokens is: set OIDC_ISSUER or BETTER_AUTH_URL",
            );
        }
        if let Some(both) = self.client_ids.iter().find(|id| self.audiences.contains(id)) {
            return wrong(format!(
                "SSO_CLIENT_ID and JWT_AUDIENCE both hold `{both}`, so an id token and a first-party \
                 JWT could not be told apart: give each its own"
            ));
        }
        for (name, said) in
            [("SSO_CLIENT_ID", &self.client_ids), ("OAUTH_RESOURCE", &self.oauth_resources)]
        {
            if !said.is_empty() && self.oidc_issuer.is_none() {
                return wrong(format!(
                    "{name} is set, and no issuer of such tokens is: set BETTER_AUTH_URL or OIDC_ISSUER"
                ));
            }
        }
        if self.trusts_cookie_cache && self.auth_server.is_none() {
            return wrong("COOKIE_CACHE is trust, and no auth server is set: set BETTER_AUTH_URL");
        }
        self.check_secrets()
    }

    fn check_secrets(&self) -> Result<(), ConfigError> {
        for secret in &self.jwt_secrets {
            check_secret("JWT_SECRET", secret, 32)?;
        }
        // Who guesses the secret can forge the cookie cache; without it, the auth server is asked.
        let least = if self.trusts_cookie_cache { 32 } else { 1 };
        for secret in &self.auth_secrets {
            check_secret("BETTER_AUTH_SECRET", secret, least)?;
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
                return wrong(format!("{name} is empty: give a value, or remove the setting"));
            }
        }
        for secret in &self.revocation_secrets {
            check_secret("REVOCATION_SECRET", secret, 24)?;
        }
        Ok(())
    }
}

impl Settings {
    /// The origin of the auth server, under whichever name it was given.
    pub(super) fn auth_url(&self) -> Result<Option<Url>, ConfigError> {
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

    /// Refuses settings that do nothing without another: the operator who set them expects callers to be
    /// recognized by them.
    fn refuse_stranded(&self, config: &IdentityConfig) -> Result<(), ConfigError> {
        if !config.auth_secrets.is_empty() && config.auth_server.is_none() {
            return wrong(
                "BETTER_AUTH_SECRET is set, and authenticates no caller by itself, because Better Auth signs no \
                 JWT with it: set BETTER_AUTH_URL to the auth server as well, or JWT_SECRET if a server of \
                 yours signs HS256 tokens",
            );
        }
        if config.jwks_url.is_none()
            && !(self.jwt_issuer.is_empty() && self.jwt_audience.is_empty())
        {
            return wrong(
                "JWT_ISSUER or JWT_AUDIENCE is set, and no key set is: set BETTER_AUTH_URL or JWKS_URL, or \
                 for tokens of JWT_SECRET set JWT_SECRET_ISSUER and JWT_SECRET_AUDIENCE instead",
            );
        }
        if self.jwt_secret.is_empty()
            && !(self.jwt_secret_issuer.is_empty() && self.jwt_secret_audience.is_empty())
        {
            return wrong(
                "JWT_SECRET_ISSUER or JWT_SECRET_AUDIENCE is set without JWT_SECRET: set it as well",
            );
        }
        if self.jwt_algorithm.is_some() && !config.has_source() {
            return wrong(
                "JWT_ALGORITHM is set, and nothing signs callers in: set BETTER_AUTH_URL to the auth \
                 server, or JWT_SECRET if a server of yours signs HS256 tokens",
            );
        }
        Ok(())
    }

    fn opaque_tokens(
        &self,
        has_auth_server: bool,
    ) -> Result<Option<OpaqueTokenConfig>, ConfigError> {
        let ways = match (&self.introspection_client_id, &self.introspection_client_secret) {
            (Some(id), Some(secret)) => {
                let (client_id, secret) = (id.0.clone(), secret.clone());
                Some(OpaqueTokenConfig::Introspection { client_id, secret })
            }
            (None, None) => None,
            (Some(_), None) => {
                return wrong(
                    "INTROSPECTION_CLIENT_ID is set without INTROSPECTION_CLIENT_SECRET: set both",
                );
            }
            (None, Some(_)) => {
                return wrong(
                    "INTROSPECTION_CLIENT_SECRET is set without INTROSPECTION_CLIENT_ID: set both",
                );
            }
        };
        let way = match (ways, self.userinfo) {
            (Some(_), Trust::Trust) => {
                return wrong(
                    "USERINFO is trust, and INTROSPECTION_CLIENT_ID is set, which is the stricter way: \
                     keep one of the two",
                );
            }
            (None, Trust::Trust) => Some(OpaqueTokenConfig::UserInfo),
            (way, Trust::Off) => way,
        };
        if way.is_some() && !has_auth_server {
            return wrong(
                "INTROSPECTION_CLIENT_ID or USERINFO is set, and no auth server is: set BETTER_AUTH_URL",
            );
        }
        Ok(way)
    }

    fn user_lookup(&self, origin: Option<&str>) -> Result<Option<UserLookupConfig>, ConfigError> {
        let usual = origin.map(|origin| format!("{origin}/api/admin/users/{{id}}"));
        let url = self.user_lookup_url.as_ref().map(|url| url.0.clone()).or(usual);
        match (url, self.sso_api_key.clone()) {
            (Some(url), Some(key)) => Ok(Some(UserLookupConfig { url, key })),
            (Some(_), None) if self.user_lookup_url.is_some() => wrong(
                "USER_LOOKUP_URL is set without SSO_API_KEY, which it is asked with: set both",
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

fn words(said: &[Word]) -> Vec<String> {
    said.iter().map(|word| word.0.clone()).collect()
}

fn or_origin(said: &[Word], origin: Option<&str>) -> Vec<String> {
    match origin {
        Some(origin) if said.is_empty() => vec![origin.to_owned()],
        _ => words(said),
    }
}

fn is_at(issuer: &str, origin: Option<&str>) -> bool {
    Url::parse(issuer).is_ok_and(|url| Some(url.origin().ascii_serialization().as_str()) == origin)
}

/// RFC 7518 section 3.2: a key has at least as many bits as the hash. A PEM is a public key taken for
/// a secret: anyone who can read it could sign.
fn check_secret(name: &str, secret: &SecretString, least: usize) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    if secret.contains("-----BEGIN") {
        return wrong(format!(
            "{name} holds a PEM key, which is no shared secret: set BETTER_AUTH_URL or JWKS_URL to \
             verify tokens signed with a private key"
        ));
    }
    let length = match secret.strip_prefix("whsec_") {
        None => secret.len(),
        Some(encoded) => match STANDARD.decode(encoded) {
            Ok(bytes) => bytes.len(),
            Err(_) => {
                return wrong(format!(
                    "{name} starts with whsec_, and what follows is not base64: copy it whole"
                ));
            }
        },
    };
    if length == 0 {
        return wrong(format!("{name} is empty: give a value, or remove the setting"));
    }
    if length < least {
        return wrong(format!(
            "{name} holds a secret of fewer than {least} bytes, which can be guessed: make one with \
             `openssl rand -base64 32`"
        ));
    }
    Ok(())
}
