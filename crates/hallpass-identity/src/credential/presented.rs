//! The credentials that a request presented, kept to authenticate it, to re-authenticate it (step-up,
//! RFC 9470), and to watch them on a long-lived connection.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use hallpass_types::{Timestamp, now};
use tokio::sync::Mutex;

use super::expected_user::is_expected;
use crate::metrics::Decided;
use crate::{Authentication, Authenticator, Caller};

/// The credentials that a request, or the start of a connection, presented.
pub struct PresentedCredentials {
    authenticator: Arc<Authenticator>,
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl PresentedCredentials {
    /// The credentials of a request with these `headers`, from this end user.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        method: Method,
        headers: HeaderMap,
        address: IpAddr,
    ) -> Self {
        Self { authenticator, method, headers, address }
    }

    /// The end user's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Authenticates them now.
    pub async fn authenticate(&self) -> Authentication {
        // Boxed, here and below: the future is large, and may be held for long.
        Box::pin(self.authenticator.authenticate(&self.method, &self.headers, self.address)).await
    }

    /// Whether the caller is the user whom the client names in [`EXPECTED_USER`](crate::EXPECTED_USER), if it names one.
    #[must_use]
    pub fn are_of_expected_user(&self, caller: Option<&Caller>) -> bool {
        is_expected(&self.headers, caller)
    }

    /// Whether they are no guess: they authenticated a caller before, as far as this server remembers, or are a valid
    /// JWT or signed cookies, or there are none.
    pub async fn are_no_guess(&self) -> bool {
        self.authenticator.is_no_guess(&self.headers).await
    }

    /// Counts a request that is refused before its credential is verified, as the client sent too many that were rejected.
    pub fn count_refused(&self) {
        self.authenticator.metrics.record_decision(Decided::Refused);
    }

    /// The kind of the one that is used: `jwt`, `bearer_token`, `api_key`, `cookie` or `malformed`. None without one.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.authenticator.credential_kind(&self.headers)
    }

    /// The same, for credentials that can be validated at the auth server: confirmed there after `since`.
    pub(crate) async fn authenticate_since(&self, since: Timestamp) -> Authentication {
        Box::pin(self.authenticator.authenticate_since(
            &self.method,
            &self.headers,
            self.address,
            since,
        ))
        .await
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }
}

/// Step-up authentication for one operation: validates the credential at the auth server again, once,
/// however many fields require it, and keeps the result.
pub struct Reauthentication {
    credentials: Arc<PresentedCredentials>,
    /// The result, and when it was requested.
    last: Mutex<Option<(Timestamp, Authentication)>>,
}

impl Reauthentication {
    /// For the caller that presented `credentials`.
    #[must_use]
    pub fn new(credentials: Arc<PresentedCredentials>) -> Self {
        Self { credentials, last: Mutex::default() }
    }

    /// Authenticates the caller as confirmed after `since`. Credentials that the auth server validates
    /// (sessions, API keys, opaque access tokens) are validated again; a signed token stays as it is.
    pub async fn fresh_since(&self, since: Timestamp) -> Authentication {
        let mut last = self.last.lock().await;
        if let Some((at, decision)) = &*last
            && is_fresh_enough(decision, *at, since)
        {
            return decision.clone();
        }
        let at = now();
        let decision = self.credentials.authenticate_since(since).await;
        *last = Some((at, decision.clone()));
        decision
    }
}

/// Whether the result from `at` is recent enough for `since`.
fn is_fresh_enough(decision: &Authentication, at: Timestamp, since: Timestamp) -> bool {
    match decision {
        Authentication::Caller(caller) => caller.confirmed_at() >= since,
        Authentication::Unavailable(outage) => now() < at + outage.retry_after,
        Authentication::Anonymous | Authentication::Rejected(_) | Authentication::CrossSite(_) => {
            at >= since
        }
    }
}
