//! Authentication schemes: dispatches each credential to the scheme that verifies it.

pub(crate) mod api_key;
pub(crate) mod cookie_cache;
pub(crate) mod introspection;
pub(crate) mod jwt;
pub(crate) mod oauth_client;
pub(crate) mod session;
pub(crate) mod verdict_cache;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderName, HeaderValue};
use hallpass_types::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::auth_server::client::{AuthServerClient, Endpoint, UpstreamError};
use super::caller::{AuthMethod, Caller};
use super::credential::cookies;
use super::credential::cookies::{SessionCookie, mark_sensitive};
use super::credential::extract::Credential;
use super::dev::issuer::DevTokenIssuer;
use super::error::{AuthError, Check, rejected};
use super::jose::better_auth_secret::SecretKeyring;
use super::jwks::JwksCache;
use super::jwks::source::{JwksEndpoint, OidcDiscovery};
use super::metrics::{IdentityMetrics, Purpose};
use super::revocation::RevocationSet;
use crate::config::IdentityConfig;
use api_key::ApiKeys;
use cookie_cache::{CacheFlaw, CookieCache};
use introspection::OpaqueTokens;
use jwt::{JwtVerifier, KeyProvider};
use session::{SessionCredential, SessionValidator};
use verdict_cache::{Accepted, VerdictCache};

// The kinds of credentials in the keys of the caches.
const JWT: &[u8] = b"jwt";
const BEARER: &[u8] = b"bearer";
const API_KEY: &[u8] = b"api key";
const COOKIE_HEADER: &[u8] = b"cookie";

/// Verifies credentials, each with its scheme.
pub(super) struct SchemeRegistry {
    pub(super) keys: KeyProvider,
    pub(super) jwt: JwtVerifier,
    sessions: Option<SessionValidator>,
    api_keys: Option<ApiKeys>,
    access_tokens: Option<OpaqueTokens>,
    pub(super) secrets: SecretKeyring,
    cookie_cache: CookieCachePolicy,
    cookie_cache_version: Option<String>,
    issuers: Vec<String>,
    api_key_header: HeaderName,
    pub(super) tokens: VerdictCache,
    pub(super) validated: VerdictCache,
    pub(super) session_endpoint: Endpoint,
    revocations: Arc<RevocationSet>,
    deadline: Duration,
}

/// Which cookie caches are trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CookieCachePolicy {
    None,
    /// Only `__Secure-` cookies: an https auth server sets no others, and a sibling host could set those.
    Secure,
    Any,
}

impl CookieCachePolicy {
    fn of(config: &IdentityConfig) -> Self {
        match &config.auth_server {
            Some(server) if config.trusts_cookie_cache => {
                if server.base.starts_with("https:") {
                    Self::Secure
                } else {
                    Self::Any
                }
            }
            _ => Self::None,
        }
    }

    fn trusts_cookie_cache(self, cookie: &SessionCookie) -> bool {
        self == Self::Any || self == Self::Secure && cookie.is_secure()
    }
}

impl SchemeRegistry {
    pub(super) fn new(
        config: &IdentityConfig,
        issuer: Option<&DevTokenIssuer>,
        upstream: &AuthServerClient,
        revocations: Arc<RevocationSet>,
        metrics: &IdentityMetrics,
    ) -> Self {
        let keys = key_provider(config, issuer, upstream);
        let mut rules = config.clone();
        if let Some(issuer) = issuer {
            rules.issuers = vec![issuer.name().to_owned()];
            rules.audiences = vec![issuer.name().to_owned()];
            rules.oidc_issuer = Some(issuer.name().to_owned());
            rules.oauth_resources = vec![issuer.name().to_owned()];
        }
        let session_endpoint = upstream.endpoint(Purpose::Sessions);
        Self {
            keys: keys.clone(),
            sessions: config
                .auth_server
                .as_ref()
                .map(|server| SessionValidator::new(server, session_endpoint.clone())),
            api_keys: config.api_key_url.clone().map(|url| ApiKeys {
                url,
                machine_key: config.machine_key.clone(),
                endpoint: upstream.endpoint(Purpose::ApiKeys),
            }),
            access_tokens: OpaqueTokens::new(config, upstream.endpoint(Purpose::AccessTokens)),
            secrets: SecretKeyring::new(&config.auth_secrets),
            cookie_cache: CookieCachePolicy::of(config),
            cookie_cache_version: config.cookie_cache_version.clone(),
            issuers: rules.issuers.clone(),
            jwt: JwtVerifier::new(rules, keys),
            api_key_header: config.api_key_header.clone(),
            tokens: VerdictCache::tokens(metrics.clone()),
            validated: VerdictCache::sessions(config.session_ttl, metrics.clone()),
            session_endpoint,
            revocations,
            // One second longer than each endpoint's timeout, so that the inner timeout fires first and is
            // recorded.
            deadline: config.timeout + Duration::from_secs(1),
        }
    }

    /// Authenticates `credential`; none when there is none. However many requests that needs, the total time
    /// is hardly longer than the timeout of one. Credentials that the auth server validates are validated
    /// again if they were last confirmed before `since`.
    pub(super) async fn check(
        &self,
        credential: Credential,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Option<Arc<Caller>>, AuthError> {
        match tokio::time::timeout(self.deadline, self.dispatch(credential, address, since)).await {
            Ok(checked) => checked,
            Err(_) => Err(UpstreamError::new("it took too long").outage().into()),
        }
    }

    async fn dispatch(
        &self,
        credential: Credential,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Option<Arc<Caller>>, AuthError> {
        match credential {
            Credential::Absent => Ok(None),
            Credential::Unusable(reason) => rejected(Check::Form, reason),
            Credential::Jwt(token) => self.jwt(&token).await.map(Some),
            Credential::Opaque(token) => self.opaque(&token, address, since).await.map(Some),
            Credential::ApiKey(key) => self.api_key(&key, address, since).await.map(Some),
            Credential::Cookies(cookies) => self.cookies(cookies, address, since).await.map(Some),
        }
    }

    /// Whether `credential` is no guess: it was accepted when it was last verified, as far as that is remembered, or is
    /// a valid JWT or a signed cookie; also if there is none.
    pub(super) async fn is_no_guess(&self, credential: Credential) -> bool {
        let of_auth_server = |kind, text: SecretString| async move {
            self.validated.has_accepted(&[kind, text.expose_secret().as_bytes()]).await
        };
        match credential {
            Credential::Absent => true,
            Credential::Unusable(_) => false,
            Credential::Jwt(token) => {
                let credential = [JWT, token.expose_secret().as_bytes()];
                self.tokens.has_accepted(&credential).await || self.jwt(&token).await.is_ok()
            }
            Credential::Opaque(token) => of_auth_server(BEARER, token).await,
            Credential::ApiKey(key) => of_auth_server(API_KEY, key).await,
            Credential::Cookies(cookies) => self.cookies_are_no_guess(cookies).await,
        }
    }

    pub(super) async fn ready(&self) -> bool {
        for keys in [&self.keys.first_party, &self.keys.provider].into_iter().flatten() {
            if !keys.ready().await {
                return false;
            }
        }
        true
    }

    /// Whether a cached result is still valid: not revoked, and its key is still in the key set.
    fn is_still_accepted(&self, accepted: &Accepted) -> bool {
        !self.revocations.applies_to(&accepted.caller)
            && accepted.key.as_ref().is_none_or(|key| self.keys.still_holds(key))
    }

    async fn jwt(&self, token: &SecretString) -> Result<Arc<Caller>, AuthError> {
        let verify = || async {
            let accepted = self.jwt.verify(token).await?;
            if self.revocations.applies_to(&accepted.caller) {
                return rejected(Check::Revocation, "the token was revoked");
            }
            Ok(accepted)
        };
        let credential = [JWT, token.expose_secret().as_bytes()];
        self.tokens
            .get_or_verify(&credential, |accepted| self.is_still_accepted(accepted), verify)
            .await
    }

    /// A session token, or else an opaque access token.
    async fn opaque(
        &self,
        token: &SecretString,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, AuthError> {
        let text = token.expose_secret();
        let validate = || async {
            let session = self.session_token(text, address).await;
            match (&session, &self.access_tokens) {
                (Err(AuthError::Rejected(_)), Some(access_tokens)) if !text.contains('.') => {
                    access_tokens.verify(token, &self.jwt.mapping()).await
                }
                _ => session,
            }
        };
        self.validate_at_auth_server(&[BEARER, text.as_bytes()], since, validate).await
    }

    async fn session_token(&self, token: &str, address: IpAddr) -> Result<Caller, AuthError> {
        if token.contains('.') && !self.secrets.is_empty() {
            let decoded = cookies::decoded(token).unwrap_or_default();
            if !self.secrets.signed_session_token(&decoded) {
                return rejected(Check::Signature, "the session token's signature does not match");
            }
        }
        let value = mark_sensitive(&format!("Bearer {token}"));
        self.session(AUTHORIZATION, value, AuthMethod::SessionToken, address).await
    }

    async fn api_key(
        &self,
        key: &SecretString,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, AuthError> {
        let text = key.expose_secret();
        let validate = || async {
            match &self.api_keys {
                Some(api_keys) => api_keys.verify(key, address, &self.jwt.mapping()).await,
                None => {
                    let header = self.api_key_header.clone();
                    self.session(header, mark_sensitive(text), AuthMethod::ApiKey, address).await
                }
            }
        };
        self.validate_at_auth_server(&[API_KEY, text.as_bytes()], since, validate).await
    }

    async fn cookies(
        &self,
        cookies: Vec<SessionCookie>,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, AuthError> {
        let cookies = self.signed(cookies);
        if cookies.is_empty() {
            return rejected(Check::Signature, "the session cookie's signature does not match");
        }
        for cookie in self.with_trusted_cache(&cookies) {
            match self.cached_session(cookie, &cookies).await {
                Some(caller) if caller.confirmed_at() >= since => return Ok(caller),
                Some(_) | None => {}
            }
        }
        let value = cookies::header(&cookies);
        let validate = || self.session(COOKIE, value.clone(), AuthMethod::SessionCookie, address);
        let shown = value.as_ref().map_or(b"".as_slice(), |value| value.as_bytes());
        self.validate_at_auth_server(&[COOKIE_HEADER, shown], since, validate).await
    }

    /// Those that may be signed with the secret of the auth server.
    fn signed(&self, mut cookies: Vec<SessionCookie>) -> Vec<SessionCookie> {
        if !self.secrets.is_empty() {
            cookies.retain(|cookie| self.secrets.signed_session_token(cookie.signed_token()));
        }
        cookies
    }

    /// Those whose cookie cache may be used.
    fn with_trusted_cache<'a>(
        &self,
        cookies: &'a [SessionCookie],
    ) -> impl Iterator<Item = &'a SessionCookie> {
        let policy = self.cookie_cache;
        cookies.iter().filter(move |cookie| policy.trusts_cookie_cache(cookie))
    }

    /// Whether one of these cookies is signed. Without the secret, whether their session is known, or their cookie cache.
    async fn cookies_are_no_guess(&self, cookies: Vec<SessionCookie>) -> bool {
        let cookies = self.signed(cookies);
        if !self.secrets.is_empty() {
            return !cookies.is_empty();
        }
        for cookie in self.with_trusted_cache(&cookies) {
            if let Some(data) = cookie.cookie_cache_value()
                && self.tokens.has_accepted(&cached(cookie, data)).await
            {
                return true;
            }
        }
        match cookies::header(&cookies) {
            Some(value) => self.validated.has_accepted(&[COOKIE_HEADER, value.as_bytes()]).await,
            None => false,
        }
    }

    /// The caller that the cookie cache of `cookie` describes; none when it is not usable: then the session is validated.
    /// The session of all the `cookies` is known from then on: the browser gets another cookie cache every few minutes.
    async fn cached_session(
        &self,
        cookie: &SessionCookie,
        cookies: &[SessionCookie],
    ) -> Option<Arc<Caller>> {
        let data = cookie.cookie_cache_value()?;
        let read = || async {
            match self.read_cache(data, cookie).await {
                Ok(accepted) if self.is_still_accepted(&accepted) => {
                    if let Some(value) = cookies::header(cookies) {
                        self.validated.remember(&[COOKIE_HEADER, value.as_bytes()]);
                    }
                    Ok(accepted)
                }
                _ => rejected(Check::Known, "the cookie cache is expired or invalid"),
            }
        };
        let credential = cached(cookie, data);
        let is_valid = |accepted: &Accepted| self.is_still_accepted(accepted);
        self.tokens.get_or_verify(&credential, is_valid, read).await.ok()
    }

    async fn read_cache(&self, data: &str, cookie: &SessionCookie) -> Result<Accepted, CacheFlaw> {
        let (secrets, keys) = (&self.secrets, self.keys.first_party.as_ref());
        let (issuers, version) = (&self.issuers, self.cookie_cache_version.as_deref());
        let cache = CookieCache { secrets, keys, issuers, version, mapping: self.jwt.mapping() };
        cache.caller(data, cookie.token()).await
    }

    /// Why the cookie cache beside the first of these session cookies is not trusted; none when it is, or
    /// when COOKIE_CACHE is off.
    pub(super) async fn cache_flaw(&self, cookies: &[SessionCookie]) -> Option<CacheFlaw> {
        let cookie = cookies.first().filter(|_| self.cookie_cache != CookieCachePolicy::None)?;
        match cookie.cookie_cache_value() {
            None => Some(CacheFlaw::Absent),
            Some(_) if !self.cookie_cache.trusts_cookie_cache(cookie) => Some(CacheFlaw::Insecure),
            Some(data) => self.read_cache(data, cookie).await.err(),
        }
    }

    async fn session(
        &self,
        header: HeaderName,
        value: Option<HeaderValue>,
        via: AuthMethod,
        address: IpAddr,
    ) -> Result<Caller, AuthError> {
        let Some(sessions) = &self.sessions else {
            return rejected(
                Check::Kind,
                "no auth server is configured to validate this credential",
            );
        };
        let Some(value) = value else {
            return rejected(Check::Form, "the credential is not a valid header value");
        };
        sessions
            .validate(&SessionCredential { header, value, via }, address, &self.jwt.mapping())
            .await
    }

    /// Validates `credential` at the auth server, or returns a cached result that was confirmed after `since`.
    async fn validate_at_auth_server<F>(
        &self,
        credential: &[&[u8]],
        since: Timestamp,
        validate: impl Fn() -> F,
    ) -> Result<Arc<Caller>, AuthError>
    where
        F: Future<Output = Result<Caller, AuthError>>,
    {
        let accepted = || async { Ok(Accepted { caller: Arc::new(validate().await?), key: None }) };
        let is_valid = |accepted: &Accepted| {
            accepted.caller.confirmed_at() >= since && self.is_still_accepted(accepted)
        };
        self.validated.get_or_verify(credential, is_valid, accepted).await
    }
}

/// A cookie cache with its session token, as a key of the cache of tokens.
fn cached<'a>(cookie: &'a SessionCookie, data: &'a str) -> [&'a [u8]; 3] {
    [b"cache", cookie.token().as_bytes(), data.as_bytes()]
}

/// The key sets. An OpenID provider at the auth server signs with the same keys, so nothing else is
/// fetched for it; any other is discovered by its metadata, or fetched from the configured URL.
fn key_provider(
    config: &IdentityConfig,
    issuer: Option<&DevTokenIssuer>,
    upstream: &AuthServerClient,
) -> KeyProvider {
    let endpoint = || upstream.endpoint(Purpose::Keys);
    let first_party = match (issuer, &config.jwks_url) {
        (Some(issuer), _) => Some(JwksCache::fixed(&issuer.key_set())),
        (None, Some(url)) => {
            Some(JwksCache::from(JwksEndpoint { url: url.clone(), endpoint: endpoint() }, config))
        }
        (None, None) => None,
    };
    let provider = match (&config.oidc_jwks_url, &config.foreign_provider) {
        (Some(url), _) => {
            Some(JwksCache::from(JwksEndpoint { url: url.clone(), endpoint: endpoint() }, config))
        }
        (None, Some(issuer)) => Some(JwksCache::from(
            OidcDiscovery { issuer: issuer.clone(), endpoint: endpoint() },
            config,
        )),
        (None, None) => first_party.clone(),
    };
    KeyProvider { first_party, provider }
}
