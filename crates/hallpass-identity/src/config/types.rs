//! The validated configuration of authentication.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use reqwest::Url;
use secrecy::SecretString;

use super::values::{JwtSubject, RoleInheritance, Tiers};
use crate::claims::UserField;
use crate::dev::personas::Persona;

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
    /// `SSO_API_KEY`: authenticates this server at endpoints of the application.
    pub machine_key: Option<SecretString>,
    /// The application's endpoint for users.
    pub user_lookup: Option<UserLookupConfig>,
    /// Secrets of revocation messages; any of them may have signed.
    pub revocation_secrets: Vec<SecretString>,
    /// Tolerated clock skew.
    pub leeway: Duration,
    /// Age at which the key set is fetched again.
    pub jwks_ttl: Duration,
    /// Period in which unknown keys cause at most three fetches of the key set.
    pub jwks_cooldown: Duration,
    /// Timeout of requests to the auth server.
    pub timeout: Duration,
    /// How long a validated session is cached.
    pub session_ttl: Duration,
    /// The claims with the caller's properties.
    pub claims: ClaimNames,
    /// The additional user fields that callers keep; none unless the application declares some.
    pub user_fields: Vec<UserField>,
    /// The personas of development mode; [`PERSONAS`](crate::PERSONAS) unless the application declares others.
    pub personas: &'static [Persona],
    /// The tiers, lowest first.
    pub tiers: Tiers,
    /// Role inheritance.
    pub role_inherits: RoleInheritance,
    /// The header `traceparent` of requests to the auth server; none without tracing.
    pub trace_parent: Option<TraceParent>,
}

/// Returns the header `traceparent` (W3C Trace Context) of the current span, if it is exported.
pub type TraceParent = fn() -> Option<HeaderValue>;

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
    /// The organization whose rows the caller has.
    pub tenant: Option<String>,
}

impl IdentityConfig {
    /// Whether any authentication method is configured.
    #[must_use]
    pub fn has_source(&self) -> bool {
        self.auth_server.is_some()
            || self.jwks_url.is_some()
            || self.api_key_url.is_some()
            || self.foreign_provider.is_some()
            || !self.jwt_secrets.is_empty()
    }
}
