//! Authentication: identifies the caller of each request, once, in the HTTP layer.
//!
//! [`Authenticator::authenticate`] extracts the credential to use (`credential`) and dispatches it to the
//! scheme that verifies it (`schemes`): signed tokens to `jwt`, with the keys of `jwks`; credentials that only
//! the auth server can validate to `session`, `api_key` or `introspection`; its cookie cache to `cookie_cache`.
//! The result is cached until it expires or a [`Revocation`] applies to it, and returned as an
//! [`Authentication`]. The schemes are private: no other module can construct a [`Caller`].
//!
//! `diagnostics` is for `hallpass doctor`: it inspects a credential without trusting it, and probes how the auth
//! server is configured.

mod auth_server;
mod caller;
mod claims;
pub mod config;
mod credential;
mod dev;
mod diagnostics;
mod error;
mod extractor;
mod health;
mod jose;
mod jwks;
mod layer;
mod metrics;
mod revocation;
mod schemes;
mod strict_json;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_types::Timestamp;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

pub use auth_server::bulkhead::network;
pub use auth_server::user_lookup::{LookupError, User, UserLookup};
pub use auth_server::user_state::UserState;
pub use caller::{AuthMethod, Caller, CallerKind, CallerProfile, HypotheticalCaller, ProfileKind};
pub use claims::{PAIRWISE_SUBJECT, UserField};
pub use credential::expected_user::EXPECTED_USER;
pub use credential::extract::InvalidInit;
pub use credential::presented::{PresentedCredentials, Reauthentication};
pub use credential::watch::{Ended, Gate, Watch};
pub use dev::issuer::{DevTokenIssuer, IssuerError};
pub use dev::personas::{PERSONAS, Persona, PersonaCaller, PersonaUser};
pub use diagnostics::address::PROBE_ADDRESS;
pub use diagnostics::inspect::{CredentialLocation, CredentialShape, Inspection};
pub use diagnostics::probe::{
    AuthServerProbe, DummySession, KeyEntry, ProbeResponse, ProbeResult, SessionAnswer,
    TWO_PROBE_ADDRESSES, key_entries,
};
pub use diagnostics::secret_hint::SecretHint;
pub use error::{CHECKS, Check, CredentialRejected, Unavailable, UnavailableCause};
pub use extractor::{AuthRejection, Authenticated, Levels, Named, RequireRole, RequireTier};
pub use health::IdentityHealth;
pub use jwks::KeysStatus;
pub use jwks::store::{KeyStore, STORED_KEYS_LIFETIME, StoredKeys};
pub use layer::{AuthLayer, AuthService};
pub use revocation::envelope::Envelope;
pub use revocation::error::WebhookError;
pub use revocation::webhook::{Link, Message, Webhook};
pub use revocation::{RETENTION as REVOCATION_RETENTION, Revocation, RevocationSet, Target};
pub use schemes::api_key::{KEY_DISABLED, KEY_EXPIRED, KEY_UNKNOWN, KEY_USED_UP, KEY_WITHOUT_USER};
pub use schemes::cookie_cache::CacheFlaw;
pub use schemes::session::NO_SESSION;
pub use strict_json::StrictJson;

pub use crate::config::Tiers;
use crate::config::{IdentityConfig, Origin};
use auth_server::client::AuthServerClient;
use credential::cookies::mark_sensitive;
use credential::csrf::CsrfPolicy;
use credential::extract::{CarrierNames, Credential};
use error::AuthError;
use metrics::{Decided, IdentityMetrics, Purpose};
use schemes::SchemeRegistry;

/// The result of authenticating a request.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// No credential was presented.
    Anonymous,
    /// The credential is valid.
    Caller(Arc<Caller>),
    /// The credential is not valid. The request fails; it never becomes anonymous.
    Rejected(CredentialRejected),
    /// The credential is a cookie, and nothing shows that a page of an allowed origin sent it.
    CrossSite(&'static str),
    /// The credential cannot be validated now.
    Unavailable(Unavailable),
}

/// Authenticates requests.
pub struct Authenticator {
    schemes: SchemeRegistry,
    users: Arc<UserLookup>,
    revocations: Arc<RevocationSet>,
    names: CarrierNames,
    csrf: CsrfPolicy,
    session_ttl: Duration,
    /// Limits how many long-lived connections revalidate at the auth server at once.
    watchers: Semaphore,
    metrics: IdentityMetrics,
}

impl Authenticator {
    /// The authenticator for `config`. With a development `issuer`, its keys are the key set: its
    /// tokens are verified like any others.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        config: &IdentityConfig,
        allowed_origins: &[Origin],
        issuer: Option<&DevTokenIssuer>,
    ) -> Result<Self, reqwest::Error> {
        let metrics = IdentityMetrics::default();
        let upstream = AuthServerClient::new(config.timeout, config.trace_parent, metrics.clone())?;
        let revocations = Arc::new(RevocationSet::new(metrics.clone()));
        let names = config.claims.clone();
        let users =
            UserLookup::new(config.user_lookup.clone(), names, upstream.endpoint(Purpose::Users));
        Ok(Self {
            schemes: SchemeRegistry::new(
                config,
                issuer,
                &upstream,
                Arc::clone(&revocations),
                &metrics,
            ),
            users: Arc::new(users),
            revocations,
            names: CarrierNames::of(config),
            csrf: CsrfPolicy::new(allowed_origins),
            session_ttl: config.session_ttl,
            watchers: Semaphore::new(credential::watch::MAX_CONCURRENT),
            metrics,
        })
    }

    /// The same, for a service whose GET changes nothing: a cookie is accepted with a GET of a page of an
    /// allowed origin, without a header that causes a preflight.
    #[must_use]
    pub fn with_safe_get(self) -> Self {
        Self { csrf: self.csrf.with_safe_get(), ..self }
    }

    /// The same, in development: pages of this machine are of an allowed origin, at any port.
    #[must_use]
    pub fn with_loopback_origins(self) -> Self {
        Self { csrf: self.csrf.with_loopback(), ..self }
    }

    /// Whether pages of another origin than the server's own are allowed.
    #[must_use]
    pub fn has_known_origins(&self) -> bool {
        self.csrf.has_known_origins()
    }

    /// Whether pages of this origin are allowed.
    #[must_use]
    pub fn is_known_origin(&self, origin: &HeaderValue) -> bool {
        self.csrf.is_known_origin(origin)
    }

    /// Authenticates a request with these `headers`. `address` is the end user's, as far as it is known.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Authentication {
        let decision = self.authenticate_since(method, headers, address, Timestamp::MIN_UTC).await;
        self.metrics.record_decision(match &decision {
            Authentication::Anonymous => Decided::Anonymous,
            Authentication::Caller(_) => Decided::Accepted,
            Authentication::Rejected(_) => Decided::Rejected,
            Authentication::CrossSite(_) => Decided::CrossSite,
            Authentication::Unavailable(outage) if outage.cause == UnavailableCause::UnknownKey => {
                Decided::UnknownKey
            }
            Authentication::Unavailable(_) => Decided::Unavailable,
        });
        decision
    }

    /// The same, for credentials that can be validated at the auth server: confirmed there after `since`.
    async fn authenticate_since(
        &self,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
        since: Timestamp,
    ) -> Authentication {
        let credential = credential::extract::extract(headers, &self.names, &self.schemes.secrets);
        if let Credential::Cookies(_) = credential
            && let Err(why) = self.csrf.check(method, headers)
        {
            return Authentication::CrossSite(why);
        }
        match self.schemes.check(credential, address, since).await {
            Ok(None) => Authentication::Anonymous,
            Ok(Some(caller)) => {
                Authentication::Caller(self.revocations.without_lost_membership(caller))
            }
            Err(AuthError::Rejected(rejection)) => {
                tracing::info!(check = ?rejection.check, reason = rejection.reason, "credential rejected");
                Authentication::Rejected(rejection)
            }
            Err(AuthError::Unavailable(outage)) => Authentication::Unavailable(outage),
        }
    }

    /// Whether the credential of a request is no guess: it authenticated a caller before, as far as this server remembers,
    /// or is a valid JWT or a signed cookie, or there is none.
    async fn is_no_guess(&self, headers: &HeaderMap) -> bool {
        let credential = credential::extract::extract(headers, &self.names, &self.schemes.secrets);
        self.schemes.is_no_guess(credential).await
    }

    /// The kind of the credential that a request presents; none without one.
    fn credential_kind(&self, headers: &HeaderMap) -> Option<&'static str> {
        credential::extract::extract(headers, &self.names, &self.schemes.secrets).kind()
    }

    /// Authenticates a bearer token outside of a request.
    pub async fn authenticate_bearer(&self, token: &SecretString) -> Authentication {
        let bearer = mark_sensitive(&format!("Bearer {}", token.expose_secret()));
        let Some(bearer) = bearer else {
            let reason = "the token is not a valid header value";
            return Authentication::Rejected(CredentialRejected { check: Check::Form, reason });
        };
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        self.authenticate(&Method::POST, &headers, IpAddr::from([127, 0, 0, 1])).await
    }

    /// The header that carries API keys.
    #[must_use]
    pub fn api_key_header(&self) -> &HeaderName {
        &self.names.api_key
    }

    /// The headers of a WebSocket handshake, with the credentials in the payload of `connection_init`
    /// added.
    ///
    /// # Errors
    /// When the payload is not a JSON object, has a duplicate member, or has a credential under an unknown name.
    pub fn merge_connection_init(
        &self,
        handshake: HeaderMap,
        payload: &str,
    ) -> Result<HeaderMap, InvalidInit> {
        credential::extract::merge_connection_init(handshake, payload, &self.names)
    }

    /// Checks that the page that sent the request, if any, is of an allowed origin.
    ///
    /// # Errors
    /// The reason, when it is not.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        self.csrf.check_origin(headers)
    }

    /// The revocations in force.
    #[must_use]
    pub fn revocations(&self) -> &Arc<RevocationSet> {
        &self.revocations
    }

    /// Looks up users at the auth server.
    #[must_use]
    pub fn users(&self) -> &Arc<UserLookup> {
        &self.users
    }

    /// Loads the key sets from `store`, and stores each key set that is fetched from now on.
    pub async fn store_keys_in(&self, store: Arc<dyn KeyStore>) {
        let keys = &self.schemes.keys;
        for set in [&keys.first_party, &keys.provider].into_iter().flatten() {
            set.store_in(Arc::clone(&store)).await;
        }
    }

    /// Whether signed tokens can be verified now: there is a key set, or none is configured.
    pub async fn ready(&self) -> bool {
        self.schemes.ready().await
    }
}
