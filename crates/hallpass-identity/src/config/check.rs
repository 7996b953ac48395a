//! Validates the settings of authentication, and derives the configuration.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::error::{ConfigError, invalid};
use super::settings::IdentitySettings;
use super::types::{AuthServer, ClaimNames, IdentityConfig, OpaqueTokenConfig, UserLookupConfig};
use super::values::{NonEmptyString, TrustMode};
use crate::dev::personas::PERSONAS;

/// The maximum tolerated clock skew.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// The maximum time that a validated session is cached.
const MAX_SESSION_TTL: Duration = Duration::from_secs(24 * 60 * 60);

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
        if self.session_cache_ttl.0 > MAX_SESSION_TTL {
            return invalid(
                "SESSION_CACHE_TTL is longer than 24h, which accepts ended sessions for too long: give a \
                 time such as 30s",
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
                "JWT_ISSUER or JWT_AUDIENCE is set, but no key set is configured: set BETTER_AUTH_URL or JWKS_URL, or \
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
                "JWT_ALGORITHM is set, but no authentication method is configured: set BETTER_AUTH_URL to the auth \
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
                "INTROSPECTION_CLIENT_ID or USERINFO is set, but no auth server is configured: set BETTER_AUTH_URL",
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
            role: strings(&self.role_claim),
            tier: strings(&self.tier_claim),
            permissions: strings(&self.permissions_claim),
            organization: strings(&self.organization_claim),
            tenant: self.tenant_claim.as_ref().map(|name| name.0.clone()),
        }
    }
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
            jwt_secret_issuers: strings(&settings.jwt_secret_issuer),
            jwt_secret_audiences: strings(&settings.jwt_secret_audience),
            oidc_jwks_url: settings.oidc_jwks_url.as_ref().map(|url| url.0.clone()),
            foreign_provider: configured_issuer
                .clone()
                .filter(|it| !has_origin(it, origin.as_deref())),
            oidc_issuer: configured_issuer.or_else(|| base.clone()),
            client_ids: strings(&settings.sso_client_id),
            oauth_resources: strings(&settings.oauth_resource),
            full_clients: strings(&settings.oauth_full_clients),
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
            user_fields: Vec::new(),
            personas: PERSONAS,
            tiers: settings.tiers.clone(),
            role_inherits: settings.role_inherits.clone(),
            trace_parent: None,
            auth_server: base.map(|base| AuthServer { base }),
        };
        config.check()?;
        settings.reject_ineffective(&config)?;
        Ok(config)
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
                "OIDC_JWKS_URL is set, but no issuer of such tokens is configured: set OIDC_ISSUER or BETTER_AUTH_URL",
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
                    "{name} is set, but no issuer of such tokens is configured: set BETTER_AUTH_URL or OIDC_ISSUER"
                ));
            }
        }
        if self.trusts_cookie_cache && self.auth_server.is_none() {
            return invalid(
                "COOKIE_CACHE is trust, but no auth server is configured: set BETTER_AUTH_URL",
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

fn strings(values: &[NonEmptyString]) -> Vec<String> {
    values.iter().map(|value| value.0.clone()).collect()
}

fn or_origin(values: &[NonEmptyString], origin: Option<&str>) -> Vec<String> {
    match origin {
        Some(origin) if values.is_empty() => vec![origin.to_owned()],
        _ => strings(values),
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
