//! The schemes, and which credential goes to which.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderName, HeaderValue};
use hallpass_entity::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::api_key::ApiKeys;
use super::caller::{Caller, Via};
use super::cookie_cache::{CacheFlaw, CookieCache};
use super::cookies::{self, SessionCookie, sensitive};
use super::credentials::Credential;
use super::introspection::AccessTokens;
use super::jwks::Jwks;
use super::jwt::{JwtVerifier, Keys};
use super::key_source::{Discovered, Published};
use super::meter::{Meter, Purpose};
use super::personas::Issuer;
use super::refusal::{Check, Fault, refused};
use super::remembered::{Accepted, Remembered};
use super::revocation::Revocations;
use super::secrets::AuthSecrets;
use super::session::{Sessions, Shown};
use super::upstream::{Line, NoAnswer, Upstream};
use crate::config::IdentityConfig;

/// Checks credentials, each by its scheme.
pub(super) struct Schemes {
    pub(super) keys: Keys,
    pub(super) jwt: JwtVerifier,
    sessions: Option<Sessions>,
    api_keys: Option<ApiKeys>,
    access_tokens: Option<AccessTokens>,
    pub(super) secrets: AuthSecrets,
    cookie_cache: CookieTrust,
    cookie_cache_version: Option<String>,
    issuers: Vec<String>,
    api_key_header: HeaderName,
    pub(super) tokens: Remembered,
    pub(super) answers: Remembered,
    pub(super) session_line: Line,
    revocations: Arc<Revocations>,
    deadline: Duration,
}

/// Which cookie caches are believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CookieTrust {
    None,
    /// An auth server on https sets no others, and a page on a sibling host could set any other.
    Secure,
    Any,
}

impl CookieTrust {
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

    fn trusts(self, cookie: &SessionCookie) -> bool {
        self == Self::Any || self == Self::Secure && cookie.is_secure()
    }
}

impl Schemes {
    pub(super) fn new(
        config: &IdentityConfig,
        issuer: Option<&Issuer>,
        upstream: &Upstream,
        revocations: Arc<Revocations>,
        meter: &Meter,
    ) -> Self {
        let keys = keys(config, issuer, upstream);
        let mut rules = config.clone();
        if let Some(issuer) = issuer {
            rules.issuers = vec![issuer.name().to_owned()];
            rules.audiences = vec![issuer.name().to_owned()];
            rules.oidc_issuer = Some(issuer.name().to_owned());
            rules.oauth_resources = vec![issuer.name().to_owned()];
        }
        let session_line = upstream.line(Purpose::Sessions);
        Self {
            keys: keys.clone(),
            sessions: config
                .auth_server
                .as_ref()
                .map(|server| Sessions::new(server, session_line.clone())),
            api_keys: config.api_key_url.clone().map(|url| ApiKeys {
                url,
                machine_key: config.machine_key.clone(),
                line: upstream.line(Purpose::ApiKeys),
            }),
            access_tokens: AccessTokens::new(config, upstream.line(Purpose::AccessTokens)),
            secrets: AuthSecrets::new(&config.auth_secrets),
            cookie_cache: CookieTrust::of(config),
            cookie_cache_version: config.cookie_cache_version.clone(),
            issuers: rules.issuers.clone(),
            jwt: JwtVerifier::new(rules, keys),
            api_key_header: config.api_key_header.clone(),
            tokens: Remembered::tokens(meter.clone()),
            answers: Remembered::sessions(config.session_ttl, meter.clone()),
            session_line,
            revocations,
            // A moment more than each line has, which so notices itself that it failed.
            deadline: config.timeout + Duration::from_secs(1),
        }
    }

    /// Who shows `credential`; none, when there is none. However many have to be asked for that, it
    /// takes hardly longer in all than one of them may. What the auth server has to be asked about is
    /// asked again where it was last confirmed before `since`.
    pub(super) async fn check(
        &self,
        credential: Credential,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Option<Arc<Caller>>, Fault> {
        match tokio::time::timeout(self.deadline, self.hand_over(credential, address, since)).await
        {
            Ok(checked) => checked,
            Err(_) => Err(NoAnswer::new("it took too long").outage().into()),
        }
    }

    async fn hand_over(
        &self,
        credential: Credential,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Option<Arc<Caller>>, Fault> {
        match credential {
            Credential::Absent => Ok(None),
            Credential::Unusable(reason) => refused(Check::Form, reason),
            Credential::Jwt(token) => self.jwt(&token).await.map(Some),
            Credential::Opaque(token) => self.opaque(&token, address, since).await.map(Some),
            Credential::ApiKey(key) => self.api_key(&key, address, since).await.map(Some),
            Credential::Cookies(cookies) => self.cookies(cookies, address, since).await.map(Some),
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

    /// Whether what was remembered still counts: it was not taken back, and its key is in the key set.
    fn still_counts(&self, accepted: &Accepted) -> bool {
        !self.revocations.cover(&accepted.caller)
            && accepted.key.as_ref().is_none_or(|key| self.keys.hold(key))
    }

    async fn jwt(&self, token: &SecretString) -> Result<Arc<Caller>, Fault> {
        let verify = || async {
            let accepted = self.jwt.verify(token).await?;
            if self.revocations.cover(&accepted.caller) {
                return refused(Check::Revocation, "the token was taken back");
            }
            Ok(accepted)
        };
        let credential = [b"jwt".as_slice(), token.expose_secret().as_bytes()];
        self.tokens.recall(&credential, |accepted| self.still_counts(accepted), verify).await
    }

    /// A session token, or else an access token that says nothing itself.
    async fn opaque(
        &self,
        token: &SecretString,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, Fault> {
        let text = token.expose_secret();
        let find = || async {
            let session = self.session_token(text, address).await;
            match (&session, &self.access_tokens) {
                (Err(Fault::Refused(_)), Some(access_tokens)) if !text.contains('.') => {
                    access_tokens.ask(token, &self.jwt.reading()).await
                }
                _ => session,
            }
        };
        self.asked(&[b"bearer", text.as_bytes()], since, find).await
    }

    async fn session_token(&self, token: &str, address: IpAddr) -> Result<Caller, Fault> {
        if token.contains('.') && !self.secrets.is_empty() {
            let decoded = cookies::decoded(token).unwrap_or_default();
            if !self.secrets.signed_session_token(&decoded) {
                return refused(Check::Signature, "the session token's signature does not fit");
            }
        }
        let value = sensitive(&format!("Bearer {token}"));
        self.session(AUTHORIZATION, value, Via::SessionToken, address).await
    }

    async fn api_key(
        &self,
        key: &SecretString,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, Fault> {
        let text = key.expose_secret();
        let find = || async {
            match &self.api_keys {
                Some(api_keys) => api_keys.ask(key, address, &self.jwt.reading()).await,
                None => {
                    let header = self.api_key_header.clone();
                    self.session(header, sensitive(text), Via::ApiKey, address).await
                }
            }
        };
        self.asked(&[b"api key", text.as_bytes()], since, find).await
    }

    async fn cookies(
        &self,
        mut cookies: Vec<SessionCookie>,
        address: IpAddr,
        since: Timestamp,
    ) -> Result<Arc<Caller>, Fault> {
        if !self.secrets.is_empty() {
            cookies.retain(|cookie| self.secrets.signed_session_token(cookie.signed_token()));
        }
        if cookies.is_empty() {
            return refused(Check::Signature, "the session cookie's signature does not fit");
        }
        for cookie in cookies.iter().filter(|cookie| self.cookie_cache.trusts(cookie)) {
            match self.cached_session(cookie).await {
                Some(caller) if caller.confirmed_at() >= since => return Ok(caller),
                Some(_) | None => {}
            }
        }
        let value = cookies::header(&cookies);
        let find = || self.session(COOKIE, value.clone(), Via::SessionCookie, address);
        let shown = value.as_ref().map_or(b"".as_slice(), |value| value.as_bytes());
        self.asked(&[b"cookie", shown], since, find).await
    }

    /// The caller whom the cookie cache describes. Where it does not do, the session is asked about.
    async fn cached_session(&self, cookie: &SessionCookie) -> Option<Arc<Caller>> {
        let data = cookie.data()?;
        let read = || async {
            match self.read_cache(data, cookie).await {
                Ok(accepted) if self.still_counts(&accepted) => Ok(accepted),
                _ => refused(Check::Known, "the cookie cache is out of date or not good"),
            }
        };
        let credential = [b"cache".as_slice(), cookie.token().as_bytes(), data.as_bytes()];
        let still_counts = |accepted: &Accepted| self.still_counts(accepted);
        self.tokens.recall(&credential, still_counts, read).await.ok()
    }

    async fn read_cache(&self, data: &str, cookie: &SessionCookie) -> Result<Accepted, CacheFlaw> {
        let (secrets, keys) = (&self.secrets, self.keys.first_party.as_ref());
        let (issuers, version) = (&self.issuers, self.cookie_cache_version.as_deref());
        let cache = CookieCache { secrets, keys, issuers, version, reading: self.jwt.reading() };
        cache.caller(data, cookie.token()).await
    }

    /// Why the cookie cache beside the first of these session cookies is not believed; none where it is, or
    /// where COOKIE_CACHE is off.
    pub(super) async fn cache_flaw(&self, cookies: &[SessionCookie]) -> Option<CacheFlaw> {
        let cookie = cookies.first().filter(|_| self.cookie_cache != CookieTrust::None)?;
        match cookie.data() {
            None => Some(CacheFlaw::Absent),
            Some(_) if !self.cookie_cache.trusts(cookie) => Some(CacheFlaw::Insecure),
            Some(data) => self.read_cache(data, cookie).await.err(),
        }
    }

    async fn session(
        &self,
        header: HeaderName,
        value: Option<HeaderValue>,
        via: Via,
        address: IpAddr,
    ) -> Result<Caller, Fault> {
        let Some(sessions) = &self.sessions else {
            return refused(Check::Kind, "no auth server is configured that could know this");
        };
        let Some(value) = value else {
            return refused(Check::Form, "the credential is no header value");
        };
        sessions.ask(&Shown { header, value, via }, address, &self.jwt.reading()).await
    }

    /// What the auth server says of `credential`, or said `since` then.
    async fn asked<F>(
        &self,
        credential: &[&[u8]],
        since: Timestamp,
        find: impl Fn() -> F,
    ) -> Result<Arc<Caller>, Fault>
    where
        F: Future<Output = Result<Caller, Fault>>,
    {
        let accepted = || async { Ok(Accepted { caller: Arc::new(find().await?), key: None }) };
        let still_counts = |accepted: &Accepted| {
            accepted.caller.confirmed_at() >= since && self.still_counts(accepted)
        };
        self.answers.recall(credential, still_counts, accepted).await
    }
}

/// The key sets. An OpenID provider at the auth server signs with the same keys, so it is asked for
/// none of its own; any other is found by its metadata, or at the address that is set.
fn keys(config: &IdentityConfig, issuer: Option<&Issuer>, upstream: &Upstream) -> Keys {
    let line = || upstream.line(Purpose::Keys);
    let first_party = match (issuer, &config.jwks_url) {
        (Some(issuer), _) => Some(Jwks::fixed(&issuer.key_set())),
        (None, Some(url)) => Some(Jwks::from(Published { url: url.clone(), line: line() }, config)),
        (None, None) => None,
    };
    let provider = match (&config.oidc_jwks_url, &config.foreign_provider) {
        (Some(url), _) => Some(Jwks::from(Published { url: url.clone(), line: line() }, config)),
        (None, Some(issuer)) => {
            Some(Jwks::from(Discovered { issuer: issuer.clone(), line: line() }, config))
        }
        (None, None) => first_party.clone(),
    };
    Keys { first_party, provider }
}
