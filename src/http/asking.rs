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
use crate::identity::{Caller, Confirmation, Decision, Evidence};

/// What the audit says instead of a field.
const FIELD: &str = "authentication";

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

    /// Who it is; nobody, when no credential is shown. One that fails goes on the record of the request `id`.
    pub(super) async fn caller(
        &self,
        parts: &Parts,
        id: &RequestId,
    ) -> Result<Option<Arc<Caller>>, Rejection> {
        decided(parts, id, self.0.decide().await)
    }

    /// The same, for a request of theirs.
    pub(super) async fn who(&self, parts: &Parts, id: &RequestId) -> Result<Who, Rejection> {
        let caller = self.caller(parts, id).await?;
        let confirmation = caller.is_some().then(|| Confirmation::by(Arc::clone(&self.0)));
        Ok(Who { caller, confirmation, request_id: id.as_str().to_owned() })
    }

    /// Waits until `caller`'s credential does not count any more, or they may do other things than before,
    /// and says why. Nobody's never ends.
    pub(super) async fn ended(
        &self,
        parts: &Parts,
        caller: Option<Arc<Caller>>,
        id: &RequestId,
    ) -> Rejection {
        let Some(caller) = caller else { return std::future::pending().await };
        let decision = self.0.outlast(caller).await;
        decided(parts, id, decision).err().unwrap_or_else(changed)
    }
}

/// Whether the page that asks is of an allowed origin.
pub(super) fn check_origin(
    parts: &Parts,
    headers: &HeaderMap,
    id: &RequestId,
) -> Result<(), Rejection> {
    parts.authenticator.check_origin(headers).map_err(|why| cross_site(parts, id, why))
}

fn cross_site(parts: &Parts, id: &RequestId, why: &'static str) -> Rejection {
    parts.audit.failed(id.as_str(), FIELD, "same site", code::FORBIDDEN);
    Rejection::cross_site(why)
}

/// Whoever was found; a credential that failed goes on the record of the request `id`.
fn decided(
    parts: &Parts,
    id: &RequestId,
    decision: Decision,
) -> Result<Option<Arc<Caller>>, Rejection> {
    match decision {
        Decision::Anonymous => Ok(None),
        Decision::Caller(caller) => Ok(Some(caller)),
        Decision::CrossSite(why) => Err(cross_site(parts, id, why)),
        Decision::Refused(refusal) => {
            parts.audit.failed(id.as_str(), FIELD, refusal.check.name(), code::UNAUTHENTICATED);
            // Why is told in development only: elsewhere it would tell a forger how far they came.
            let is_open = parts.personas.is_some();
            Err(refused(if is_open { refusal.reason } else { "sign in again" }))
        }
        Decision::Unavailable(outage) => Err(Rejection::unavailable(
            code::AUTH_UNAVAILABLE,
            "The sign-in service cannot be reached: please try again soon.",
            outage.retry_after,
        )),
    }
}

fn refused(why: &str) -> Rejection {
    Rejection::credential(format!("The credential was refused: {why}."))
}

/// What goes on was begun by somebody who may do other things by now.
fn changed() -> Rejection {
    let message = "What you may do has changed: connect again.";
    Rejection::unavailable(code::UNAVAILABLE, message, Duration::ZERO)
}
