//! Who is asking, for as long as it may have to be found out: once for a request, again and again for
//! what goes on after it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};

use super::response::{Rejection, RequestId};
use crate::graphql::code;
use crate::http::client_ip::{PeerAddr, client_ip};
use crate::http::{HttpDeps, RequestCaller};
use crate::identity::{
    Authentication, Caller, Ended, PresentedCredentials, Reauthentication, Unavailable, Watch,
};

/// What a request, or the start of a connection, shows of who is asking.
pub(crate) struct RequestIdentity(Arc<PresentedCredentials>);

impl RequestIdentity {
    pub(crate) fn new(
        parts: &HttpDeps,
        peer: PeerAddr,
        method: Method,
        headers: HeaderMap,
    ) -> Self {
        let address = client_ip(peer, &headers, &parts.trusted_proxies);
        let authenticator = Arc::clone(&parts.authenticator);
        Self(Arc::new(PresentedCredentials::new(authenticator, method, headers, address)))
    }

    /// The end user's address.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.address()
    }

    /// Who it is; none, when no credential is shown. One that fails goes on the record of the request `id`.
    pub(crate) async fn caller(
        &self,
        parts: &HttpDeps,
        id: &RequestId,
    ) -> Result<Option<Arc<Caller>>, Rejection> {
        let decision = self.0.authenticate().await;
        match &decision {
            Authentication::Refused(refusal) => {
                note(parts, id, refusal.check.name(), code::UNAUTHENTICATED);
            }
            Authentication::CrossSite(_) => audit_cross_site(parts, id),
            Authentication::Anonymous
            | Authentication::Caller(_)
            | Authentication::Unavailable(_) => {}
        }
        log_decision(parts, decision)
    }

    /// The same, for a request of theirs.
    pub(crate) async fn resolve(
        &self,
        parts: &HttpDeps,
        id: &RequestId,
    ) -> Result<RequestCaller, Rejection> {
        let caller = self.caller(parts, id).await?;
        let confirmation =
            caller.is_some().then(|| Reauthentication::decision_at(Arc::clone(&self.0)));
        let (request_id, address) = (id.as_str().to_owned(), self.address());
        Ok(RequestCaller { caller, confirmation, request_id, address })
    }

    /// Watches the credential by which `caller` was recognized; none for an anonymous caller.
    pub(crate) fn watch(&self, caller: Option<Arc<Caller>>) -> Option<Watch> {
        caller.map(|caller| self.0.watch(caller))
    }
}

/// Waits until the credential does not count any more, or its caller may do other things than before, and returns
/// the reason: that a credential comes to its end is no failure. An anonymous caller's connection never ends so.
pub(crate) async fn credential_ended(parts: &HttpDeps, watch: Option<&Watch>) -> Rejection {
    let Some(watch) = watch else { return std::future::pending().await };
    match watch.wait_until_invalid().await {
        Ended::Expired => Rejection::expired(),
        Ended::Refused(refusal) => reject(parts, refusal.reason),
        Ended::Changed => reconnect(),
        Ended::Unavailable(outage) => unavailable(outage),
    }
}

/// Whether the page that opens a socket is of an allowed origin.
pub(crate) fn check_origin(
    parts: &HttpDeps,
    headers: &HeaderMap,
    id: &RequestId,
) -> Result<(), Rejection> {
    parts.authenticator.check_origin(headers).map_err(|why| {
        audit_cross_site(parts, id);
        Rejection::cross_site(why)
    })
}

fn audit_cross_site(parts: &HttpDeps, id: &RequestId) {
    note(parts, id, "same site", code::FORBIDDEN);
}

fn note(parts: &HttpDeps, id: &RequestId, check: &str, outcome: &str) {
    parts.audit.failed(id.as_str(), "authentication", check, outcome);
}

fn log_decision(
    parts: &HttpDeps,
    decision: Authentication,
) -> Result<Option<Arc<Caller>>, Rejection> {
    match decision {
        Authentication::Anonymous => Ok(None),
        Authentication::Caller(caller) => Ok(Some(caller)),
        Authentication::CrossSite(why) => Err(Rejection::cross_site(why)),
        Authentication::Refused(refusal) => Err(reject(parts, refusal.reason)),
        Authentication::Unavailable(outage) => Err(unavailable(outage)),
    }
}

/// Why is told in development only: elsewhere it would tell a forger how far they came.
fn reject(parts: &HttpDeps, reason: &str) -> Rejection {
    let why = if parts.personas.is_some() { reason } else { "sign in again" };
    Rejection::credential(format!("The credential was refused: {why}."))
}

fn unavailable(outage: Unavailable) -> Rejection {
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
fn reconnect() -> Rejection {
    let message = "What you may do has changed: connect again.";
    Rejection::unavailable(code::UNAVAILABLE, message, Duration::ZERO)
}
