//! What a request showed of who is asking, kept for as long as it matters: to be decided on, to be confirmed
//! anew, and to be watched.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use hallpass_entity::{Timestamp, now};
use tokio::sync::Mutex;

use super::{Authenticator, Decision};

/// What a request, or the start of a connection, showed.
pub struct Evidence {
    authenticator: Arc<Authenticator>,
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl Evidence {
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
    pub async fn decide(&self) -> Decision {
        // Boxed, here and below: what checks a credential is large, and what waits for it may be there for long.
        Box::pin(self.authenticator.decide(&self.method, &self.headers, self.address)).await
    }

    /// The same, as the auth server confirmed it `since` then, where it can be asked.
    pub(super) async fn decide_since(&self, since: Timestamp) -> Decision {
        Box::pin(self.authenticator.judge(&self.method, &self.headers, self.address, since)).await
    }

    pub(super) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }
}

/// What the auth server says anew of the caller, while one operation runs: it is asked once, however many
/// fields want to know, and whatever it says.
pub struct Confirmation {
    evidence: Arc<Evidence>,
    /// What it said, and when it was asked.
    said: Mutex<Option<(Timestamp, Decision)>>,
}

impl Confirmation {
    /// Of the caller who showed `evidence`.
    #[must_use]
    pub fn by(evidence: Arc<Evidence>) -> Self {
        Self { evidence, said: Mutex::default() }
    }

    /// Who it is, as the auth server confirmed it `since` then. What it can be asked about (sessions, API
    /// keys, opaque access tokens) is asked about again; a signed token says what it always said.
    pub async fn since(&self, since: Timestamp) -> Decision {
        let mut said = self.said.lock().await;
        if let Some((at, decision)) = &*said
            && counts(decision, *at, since)
        {
            return decision.clone();
        }
        let at = now();
        let decision = self.evidence.decide_since(since).await;
        *said = Some((at, decision.clone()));
        decision
    }
}

/// Whether what was said at `at` answers for `since` too.
fn counts(decision: &Decision, at: Timestamp, since: Timestamp) -> bool {
    match decision {
        Decision::Caller(caller) => caller.confirmed_at() >= since,
        Decision::Unavailable(outage) => now() < at + outage.retry_after,
        Decision::Anonymous | Decision::Refused(_) | Decision::CrossSite(_) => at >= since,
    }
}
