//! Who is asking, for as long as it may have to be found out: once for a request, again and again for
//! what goes on after it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};

use super::address::{Peer, end_user};
use super::answer::{Rejection, RequestId};
use super::{Parts, Who};
use crate::graphql::code;
use crate::identity::{Caller, Confirmation, Decision, Ended, Evidence, Outage, Watch};

/// What a request, or the start of a connection, shows of who is asking.
pub(super) struct Asker(Arc<Evidence>);

impl Asker {
    pub(super) fn new(parts: &Parts, peer: Peer, method: Method, headers: HeaderMap) -> Self {
        let address = end_user(peer, &headers, &parts.trusted_proxies);
        let authenticator = Arc::clone(&parts.authenticator);
        Self(Arc::new(Evidence::new(authenticator, method, headers, address)))
    }

    /// The end user's address.
    pub(super) fn address(&self) -> IpAddr {
        self.0.address()
    }

    /// Who it is; none, when no credential is shown. One that fails goes on the record of the request `id`.
    pub(super) async fn caller(
        &self,
        parts: &Parts,
        id: &RequestId,
    ) -> Result<Option<Arc<Caller>>, Rejection> {
        let decision = self.0.decide().await;
        match &decision {
            Decision::Refused(refusal) => {
                note(parts, id, refusal.check.name(), code::UNAUTHENTICATED);
            }
            Decision::CrossSite(_) => note_cross_site(parts, id),
            Decision::Anonymous | Decision::Caller(_) | Decision::Unavailable(_) => {}
        }
        decided(parts, decision)
    }

    /// The same, for a request of theirs.
    pub(super) async fn who(&self, parts: &Parts, id: &RequestId) -> Result<Who, Rejection> {
        let caller = self.caller(parts, id).await?;
        let confirmation = caller.is_some().then(|| Confirmation::by(Arc::clone(&self.0)));
        let (request_id, address) = (id.as_str().to_owned(), self.address());
        Ok(Who { caller, confirmation, request_id, address })
    }

    /// Watches the credential by which `caller` was recognized; none for an anonymous caller.
    pub(super) fn watch(&self, caller: Option<Arc<Caller>>) -> Option<Watch> {
        caller.map(|caller| self.0.watch(caller))
    }
}

/// Waits until the credential does not count any more, or its caller may do other things than before, and returns
/// the reason: that a credential comes to its end is no failure. An anonymous caller's connection never ends so.
pub(super) async fn ended(parts: &Parts, watch: Option<&Watch>) -> Rejection {
    let Some(watch) = watch else { return std::future::pending().await };
    match watch.ended().await {
        Ended::Expired => Rejection::expired(),
        Ended::Refused(refusal) => credential_refused(parts, refusal.reason),
        Ended::Changed => changed(),
        Ended::Unavailable(outage) => away(outage),
    }
}

/// Whether the page that opens a socket is of an allowed origin.
pub(super) fn check_origin(
    parts: &Parts,
    headers: &HeaderMap,
    id: &RequestId,
) -> Result<(), Rejection> {
    parts.authenticator.check_origin(headers).map_err(|why| {
        note_cross_site(parts, id);
        Rejection::cross_site(why)
    })
}

fn note_cross_site(parts: &Parts, id: &RequestId) {
    note(parts, id, "same site", code::FORBIDDEN);
}

fn note(parts: &Parts, id: &RequestId, check: &str, outcome: &str) {
    parts.audit.failed(id.as_str(), "authentication", check, outcome);
}

fn decided(parts: &Parts, decision: Decision) -> Result<Option<Arc<Caller>>, Rejection> {
    match decision {
        Decision::Anonymous => Ok(None),
        Decision::Caller(caller) => Ok(Some(caller)),
        Decision::CrossSite(why) => Err(Rejection::cross_site(why)),
        Decision::Refused(refusal) => Err(credential_refused(parts, refusal.reason)),
        Decision::Unavailable(outage) => Err(away(outage)),
    }
}

/// Why is told in development only: elsewhere it would tell a forger how far they came.
fn credential_refused(parts: &Parts, reason: &str) -> Rejection {
    let why = if parts.personas.is_some() { reason } else { "sign in again" };
    Rejection::credential(format!("The credential was refused: {why}."))
}

fn away(outage: Outage) -> Rejection {
    if outage.is_own_limit {
        let message = "The API key was used too often: try again later.";
        return Rejection::rate_limited(message, outage.retry_after);
    }
    Rejection::unavailable(
        code::AUTH_UNAVAILABLE,
        "The sign-in service cannot be reached: please try again soon.",
        outage.retry_after,
    )
}

/// What goes on was begun by a caller who may do other things by now.
fn changed() -> Rejection {
    let message = "What you may do has changed: connect again.";
    Rejection::unavailable(code::UNAVAILABLE, message, Duration::ZERO)
}
