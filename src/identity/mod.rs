//! Authentication: one caller per request, authenticated once, at the edge.
//!
//! [`Authenticator::authenticate`] extracts the credential that counts (`credential`) and dispatches it to the
//! scheme that verifies it (`schemes`): signed tokens to `jwt`, with the keys of `jwks`; what only the auth
//! server knows to `session`, `api_key` or `introspection`; its cookie cache to `cookie_cache`. The result is
//! cached until it expires or a [`Revocation`] applies to it, and returned as an [`Authentication`]. The schemes are
//! private: no other module can construct a [`Caller`].
//!
//! `diagnostics` is for `hallpass doctor`: it inspects a credential without trusting it, and probes how the auth
//! server is configured.

pub(crate) mod auth_server;
mod caller;
mod claims;
pub(crate) mod credential;
pub(crate) mod dev;
pub(crate) mod diagnostics;
pub(crate) mod error;
pub(crate) mod health;
pub(crate) mod jose;
mod jwks;
pub(crate) mod metrics;
mod revocation;
mod schemes;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_entity::Timestamp;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, Method};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

pub use auth_server::bulkhead::network;
pub use auth_server::user_lookup::{LookupError, User, UserLookup};
pub use auth_server::user_state::UserState;
pub use caller::{AuthMethod, Caller, CallerKind};
pub use claims::PAIRWISE_SUBJECT;
pub use credential::presented::{PresentedCredentials, Reauthentication};
pub use credential::watch::{Ended, Gate, Watch};
pub use dev::personas::{DevTokenIssuer, IssuerError, PERSONAS, Persona};
pub use diagnostics::inspect::{CredentialLocation, CredentialShape, Inspection};
pub use diagnostics::probe::{
    AuthServerProbe, DummySession, KeyEntry, PROBE_ADDRESS, ProbeResponse, ProbeResult,
    SessionAnswer, TWO_PROBE_ADDRESSES, key_entries,
};
pub use diagnostics::secret_hint::SecretHint;
pub use error::{CHECKS, Check, CredentialRejected, Unavailable};
pub use health::IdentityHealth;
pub use jwks::KeysStatus;
pub use jwks::store::{KeyStore, STORED_KEYS_LIFETIME, StoredKeys};
pub use revocation::envelope::Envelope;
pub use revocation::webhook::{Link, Message, Webhook, WebhookError};
pub use revocation::{RETENTION as REVOCATIONS_KEPT, Revocation, RevocationSet, Target};
pub use schemes::api_key::{KEY_DISABLED, KEY_EXPIRED, KEY_OF_NO_USER, KEY_UNKNOWN, KEY_USED_UP};
pub use schemes::cookie_cache::CacheFlaw;
pub use schemes::session::NO_SESSION;

pub use crate::config::Tiers;
use crate::config::{IdentityConfig, Origin};
use auth_server::client::AuthServerClient;
use credential::cookies::mark_sensitive;
use credential::csrf::CsrfPolicy;
use credential::extract::{CarrierNames, Credential};
use error::AuthError;
use metrics::{Decided, IdentityMetrics, Purpose};
use schemes::SchemeRegistry;

/// The answer to "who is asking".
#[derive(Clone, Debug)]
pub enum Authentication {
    /// No credential was shown.
    Anonymous,
    /// The credential is good.
    Caller(Arc<Caller>),
    /// The credential is not good. The request ends; it never becomes anonymous.
    Refused(CredentialRejected),
    /// The credential is a cookie, and nothing shows that a page of ours sent it.
    CrossSite(&'static str),
    /// Whether the credential is good cannot be found out now.
    Unavailable(Unavailable),
}

/// Decides who is asking.
pub struct Authenticator {
    schemes: SchemeRegistry,
    users: Arc<UserLookup>,
    revocations: Arc<RevocationSet>,
    names: CarrierNames,
    same_site: CsrfPolicy,
    session_ttl: Duration,
    /// Which connections that last ask the auth server again.
    watchers: Semaphore,
    meter: IdentityMetrics,
}

impl Authenticator {
    /// The authenticator for `config`. With a development `issuer`, its keys are the key set: its
    /// tokens are verified like anyone's.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        config: &IdentityConfig,
        allowed_origins: &[Origin],
        issuer: Option<&DevTokenIssuer>,
    ) -> Result<Self, reqwest::Error> {
        let meter = IdentityMetrics::default();
        let upstream = AuthServerClient::new(config.timeout, meter.clone())?;
        let revocations = Arc::new(RevocationSet::new(meter.clone()));
        let names = config.claims.clone();
        let users =
            UserLookup::new(config.user_lookup.clone(), names, upstream.endpoint(Purpose::Users));
        Ok(Self {
            schemes: SchemeRegistry::new(
                config,
                issuer,
                &upstream,
                Arc::clone(&revocations),
                &meter,
            ),
            users: Arc::new(users),
            revocations,
            names: CarrierNames::of(config),
            same_site: CsrfPolicy::new(allowed_origins),
            session_ttl: config.session_ttl,
            watchers: Semaphore::new(credential::watch::MAX_CONCURRENT),
            meter,
        })
    }

    /// Who sent a request with these `headers`. `address` is the end user's, as far as it is known.
    pub async fn authenticate(
        &self,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Authentication {
        let decision = self.authenticate_since(method, headers, address, Timestamp::MIN_UTC).await;
        self.meter.record_decision(match &decision {
            Authentication::Anonymous => Decided::Anonymous,
            Authentication::Caller(_) => Decided::Accepted,
            Authentication::Refused(_) => Decided::Refused,
            Authentication::CrossSite(_) => Decided::CrossSite,
            Authentication::Unavailable(_) => Decided::Unavailable,
        });
        decision
    }

    /// Who sent it, as the auth server confirmed it `since` then, where it can be asked.
    async fn authenticate_since(
        &self,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
        since: Timestamp,
    ) -> Authentication {
        let credential = credential::extract::extract(headers, &self.names, &self.schemes.secrets);
        if let Credential::Cookies(_) = credential
            && let Err(why) = self.same_site.check(method, headers)
        {
            return Authentication::CrossSite(why);
        }
        match self.schemes.check(credential, address, since).await {
            Ok(None) => Authentication::Anonymous,
            Ok(Some(caller)) => {
                Authentication::Caller(self.revocations.without_lost_membership(caller))
            }
            Err(AuthError::Refused(refusal)) => {
                tracing::info!(check = ?refusal.check, reason = refusal.reason, "credential refused");
                Authentication::Refused(refusal)
            }
            Err(AuthError::Unavailable(outage)) => Authentication::Unavailable(outage),
        }
    }

    /// Who shows this bearer token, outside of any request.
    pub async fn authenticate_bearer(&self, token: &SecretString) -> Authentication {
        let bearer = mark_sensitive(&format!("Bearer {}", token.expose_secret()));
        let Some(bearer) = bearer else {
            let reason = "the token is no header value";
            return Authentication::Refused(CredentialRejected { check: Check::Form, reason });
        };
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        self.authenticate(&Method::POST, &headers, IpAddr::from([127, 0, 0, 1])).await
    }

    /// The header in which API keys come.
    #[must_use]
    pub fn api_key_header(&self) -> &HeaderName {
        &self.names.api_key
    }

    /// The headers of a WebSocket's handshake together with what the payload of its `connection_init`
    /// shows. None when the payload is no JSON object, or names a member twice.
    #[must_use]
    pub fn merge_connection_init(&self, handshake: HeaderMap, payload: &str) -> Option<HeaderMap> {
        credential::extract::merge_connection_init(handshake, payload, &self.names)
    }

    /// Whether the page that asks, if one does, is of an allowed origin.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        self.same_site.check_origin(headers)
    }

    /// What is taken back before its time.
    #[must_use]
    pub fn revocations(&self) -> &Arc<RevocationSet> {
        &self.revocations
    }

    /// Users, as the auth server knows them.
    #[must_use]
    pub fn users(&self) -> &Arc<UserLookup> {
        &self.users
    }

    /// Takes over the key sets that `store` has, and has those stored that are fetched from now on.
    pub async fn store_keys_in(&self, store: Arc<dyn KeyStore>) {
        let keys = &self.schemes.keys;
        for set in [&keys.first_party, &keys.provider].into_iter().flatten() {
            set.store_in(Arc::clone(&store)).await;
        }
    }

    /// Whether signed tokens can be checked now: there is a key set, or none is configured.
    pub async fn ready(&self) -> bool {
        self.schemes.ready().await
    }
}
