//! What a request showed of who is asking, kept for as long as it matters: to be decided on, to be confirmed
//! anew, and to be watched.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use hallpass_entity::{Timestamp, now};
use tokio::sync::Mutex;

use crate::identity::{Authentication, Authenticator};

/// What a request, or the start of a connection, showed.
pub struct PresentedCredentials {
    authenticator: Arc<Authenticator>,
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl PresentedCredentials {
    /// Of a request with these `headers`, from this end user.
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

    /// Who it shows now.
    pub async fn authenticate(&self) -> Authentication {
        // Boxed, here and below: what checks a credential is large, and what waits for it may be there for long.
        Box::pin(self.authenticator.authenticate(&self.method, &self.headers, self.address)).await
    }

    /// The same, as the auth server confirmed it `since` then, where it can be asked.
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

/// What the auth server says anew of the caller, while one operation runs: it is asked once, however many
/// fields want to know, and whatever it says.
pub struct Reauthentication {
    evidence: Arc<PresentedCredentials>,
    /// What it said, and when it was asked.
    said: Mutex<Option<(Timestamp, Authentication)>>,
}

impl Reauthentication {
    /// Of the caller who showed `evidence`.
    #[must_use]
    pub fn decision_at(evidence: Arc<PresentedCredentials>) -> Self {
        Self { evidence, said: Mutex::default() }
    }

    /// Who it is, as the auth server confirmed it `since` then. What it can be asked about (sessions, API
    /// keys, opaque access tokens) is asked about again; a signed token says what it always said.
    pub async fn fresh_since(&self, since: Timestamp) -> Authentication {
        let mut said = self.said.lock().await;
        if let Some((at, decision)) = &*said
            && is_fresh_enough(decision, *at, since)
        {
            return decision.clone();
        }
        let at = now();
        let decision = self.evidence.authenticate_since(since).await;
        *said = Some((at, decision.clone()));
        decision
    }
}

/// Whether what was said at `at` answers for `since` too.
fn is_fresh_enough(decision: &Authentication, at: Timestamp, since: Timestamp) -> bool {
    match decision {
        Authentication::Caller(caller) => caller.confirmed_at() >= since,
        Authentication::Unavailable(outage) => now() < at + outage.retry_after,
        Authentication::Anonymous | Authentication::Refused(_) | Authentication::CrossSite(_) => {
            at >= since
        }
    }
}
