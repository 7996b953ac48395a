//! Who is asking. One caller per request, decided once, at the edge.
//!
//! [`Authenticator::decide`] finds the credential that counts (`credentials`, `cookies`) and hands it
//! to the scheme that can check it: signed tokens to `jwt`, with the keys of `jwks`; what only the auth
//! server knows to `session`, `api_key` or `introspection`; its cookie cache to `cookie_cache`. What
//! comes of it is `remembered` until it expires or a [`Revocation`] takes it back, and answered as one
//! [`Decision`]. The schemes are private: no other module can make a [`Caller`].
//!
//! To find out why a credential is refused, `inspect` reads it without believing it, and
//! `probe` asks the auth server how it is set up.

mod api_key;
mod breaker;
mod caller;
mod claims;
mod client;
mod clue;
mod cookie_cache;
mod cookies;
mod credentials;
mod envelope;
mod evidence;
mod fetch_budget;
mod inspect;
mod introspection;
mod jwk;
mod jwks;
mod jwt;
mod key_source;
mod key_store;
mod meter;
mod personas;
mod probe;
mod refusal;
mod remembered;
mod revocation;
mod same_site;
mod schemes;
mod secrets;
mod session;
mod status;
mod token;
mod turns;
mod upstream;
mod user_state;
mod users;
mod watch;
mod webhook;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hallpass_entity::Timestamp;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, Method};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

pub use api_key::{KEY_DISABLED, KEY_EXPIRED, KEY_OF_NO_USER, KEY_UNKNOWN, KEY_USED_UP};
pub use caller::{Caller, Kind, Via};
pub use claims::PAIRWISE_SUBJECT;
pub use clue::Clue;
pub use cookie_cache::CacheFlaw;
pub use envelope::Envelope;
pub use evidence::{Confirmation, Evidence};
pub use inspect::{Inspection, Looks, Place};
pub use jwks::KeysStatus;
pub use key_store::{KeyStore, STORED_KEYS_LIFETIME, StoredKeys};
pub use personas::{Issuer, IssuerError, PERSONAS, Persona};
pub use probe::{
    Asked, KeyEntry, MadeUpSession, NOBODYS_ADDRESS, Probe, Reply, SessionAnswer, TWO_ADDRESSES,
    key_entries,
};
pub use refusal::{CHECKS, Check, Outage, Refusal};
pub use revocation::{KEPT as REVOCATIONS_KEPT, Revocation, Revocations, Target};
pub use session::NO_SESSION;
pub use status::Status;
pub use turns::network;
pub use user_state::UserState;
pub use users::{LookupError, User, Users};
pub use watch::{Ended, Gate, Watch};
pub use webhook::{Link, Message, Webhook, WebhookError};

pub use crate::config::Tiers;
use crate::config::{IdentityConfig, Origin};
use cookies::sensitive;
use credentials::{CarrierNames, Credential};
use meter::{Decided, Meter, Purpose};
use refusal::Fault;
use same_site::SameSite;
use schemes::Schemes;
use upstream::Upstream;

/// The answer to "who is asking".
#[derive(Clone, Debug)]
pub enum Decision {
    /// No credential was shown.
    Anonymous,
    /// The credential is good.
    Caller(Arc<Caller>),
    /// The credential is not good. The request ends; it never becomes anonymous.
    Refused(Refusal),
    /// The credential is a cookie, and nothing shows that a page of ours sent it.
    CrossSite(&'static str),
    /// Whether the credential is good cannot be found out now.
    Unavailable(Outage),
}

/// Decides who is asking.
pub struct Authenticator {
    schemes: Schemes,
    users: Arc<Users>,
    revocations: Arc<Revocations>,
    names: CarrierNames,
    same_site: SameSite,
    session_ttl: Duration,
    /// Which connections that last ask the auth server again.
    watchers: Semaphore,
    meter: Meter,
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
        issuer: Option<&Issuer>,
    ) -> Result<Self, reqwest::Error> {
        let meter = Meter::default();
        let upstream = Upstream::new(config.timeout, meter.clone())?;
        let revocations = Arc::new(Revocations::new(meter.clone()));
        let names = config.claims.clone();
        let users = Users::new(config.user_lookup.clone(), names, upstream.line(Purpose::Users));
        Ok(Self {
            schemes: Schemes::new(config, issuer, &upstream, Arc::clone(&revocations), &meter),
            users: Arc::new(users),
            revocations,
            names: CarrierNames::of(config),
            same_site: SameSite::new(allowed_origins),
            session_ttl: config.session_ttl,
            watchers: Semaphore::new(watch::AT_ONCE),
            meter,
        })
    }

    /// Who sent a request with these `headers`. `address` is the end user's, as far as it is known.
    pub async fn decide(&self, method: &Method, headers: &HeaderMap, address: IpAddr) -> Decision {
        let decision = self.judge(method, headers, address, Timestamp::MIN_UTC).await;
        self.meter.decided(match &decision {
            Decision::Anonymous => Decided::Anonymous,
            Decision::Caller(_) => Decided::Accepted,
            Decision::Refused(_) => Decided::Refused,
            Decision::CrossSite(_) => Decided::CrossSite,
            Decision::Unavailable(_) => Decided::Unavailable,
        });
        decision
    }

    /// Who sent it, as the auth server confirmed it `since` then, where it can be asked.
    async fn judge(
        &self,
        method: &Method,
        headers: &HeaderMap,
        address: IpAddr,
        since: Timestamp,
    ) -> Decision {
        let credential = credentials::find(headers, &self.names, &self.schemes.secrets);
        if let Credential::Cookies(_) = credential
            && let Err(why) = self.same_site.check(method, headers)
        {
            return Decision::CrossSite(why);
        }
        match self.schemes.check(credential, address, since).await {
            Ok(None) => Decision::Anonymous,
            Ok(Some(caller)) => Decision::Caller(self.revocations.without_lost_membership(caller)),
            Err(Fault::Refused(refusal)) => {
                tracing::info!(check = ?refusal.check, reason = refusal.reason, "credential refused");
                Decision::Refused(refusal)
            }
            Err(Fault::Unavailable(outage)) => Decision::Unavailable(outage),
        }
    }

    /// Who shows this bearer token, outside of any request.
    pub async fn decide_bearer(&self, token: &SecretString) -> Decision {
        let bearer = sensitive(&format!("Bearer {}", token.expose_secret()));
        let Some(bearer) = bearer else {
            let reason = "the token is no header value";
            return Decision::Refused(Refusal { check: Check::Form, reason });
        };
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        self.decide(&Method::POST, &headers, IpAddr::from([127, 0, 0, 1])).await
    }

    /// The header in which API keys come.
    #[must_use]
    pub fn api_key_header(&self) -> &HeaderName {
        &self.names.api_key
    }

    /// The headers of a WebSocket's handshake together with what the payload of its `connection_init`
    /// shows. None when the payload is no JSON object, or names a member twice.
    #[must_use]
    pub fn shown_together(&self, handshake: HeaderMap, payload: &str) -> Option<HeaderMap> {
        credentials::shown_together(handshake, payload, &self.names)
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
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// Users, as the auth server knows them.
    #[must_use]
    pub fn users(&self) -> &Arc<Users> {
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
