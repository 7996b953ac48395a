//! Authentication of a request: resolves the caller, and rejects failed credentials. Streams resolve it again for
//! as long as they are open.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method};

use super::rejection::Rejection;
use super::response::RequestId;
use crate::code;
use crate::http::client_ip::{PeerAddr, client_ip};
use crate::http::ops::request_record::RequestRecord;
use crate::http::{HttpDeps, RequestCaller};
use crate::telemetry::TARGET;
use hallpass_identity::{
    Authentication, Caller, Check, CredentialRejected, Ended, PresentedCredentials,
    Reauthentication, Unavailable, UnavailableCause, Watch,
};
use tracing::Instrument as _;

/// The credentials of a request, or of the start of a connection.
pub(crate) struct RequestIdentity(Arc<PresentedCredentials>);

impl RequestIdentity {
    pub(crate) fn new(deps: &HttpDeps, peer: PeerAddr, method: Method, headers: HeaderMap) -> Self {
        let address = client_ip(peer, &headers, &deps.options.trusted_proxies);
        let authenticator = Arc::clone(&deps.authenticator);
        Self(Arc::new(PresentedCredentials::new(authenticator, method, headers, address)))
    }

    /// The end user's address.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.address()
    }

    /// Authenticates the caller; `None` without a credential. A failed credential is written to the audit log, with
    /// the request `id`.
    pub(crate) async fn caller(
        &self,
        deps: &HttpDeps,
        id: &RequestId,
    ) -> Result<Option<Arc<Caller>>, Unauthenticated> {
        if let Err(exceeded) = deps.rate_limiter.check_failures(self.address())
            && !self.0.are_no_guess().await
        {
            deps.rate_limiter.count_refused_credential();
            self.0.count_refused();
            let rejection = Rejection::too_many_failures(exceeded);
            return Err(Unauthenticated { check: FailedCheck::FailedCredentials, rejection });
        }
        let decision = self.0.authenticate().await;
        match &decision {
            Authentication::Rejected(rejection) => {
                if is_guess(rejection.check) {
                    deps.rate_limiter.count_failure(self.address());
                }
                audit_failure(deps, id, rejection.check.name(), code::UNAUTHENTICATED);
            }
            Authentication::CrossSite(_) => audit_cross_site(deps, id),
            // It may be a guess too, and is not known to be one until the key set is fetched again.
            Authentication::Unavailable(outage) if outage.cause == UnavailableCause::UnknownKey => {
                deps.rate_limiter.count_failure(self.address());
            }
            Authentication::Anonymous
            | Authentication::Caller(_)
            | Authentication::Unavailable(_) => {}
        }
        let caller = into_caller(deps, decision)?;
        match self.0.are_of_expected_user(caller.as_deref()) {
            true => Ok(caller),
            false => Err(Unauthenticated { check: FailedCheck::User, rejection: of_other_user() }),
        }
    }

    /// As [`caller`](Self::caller), and notes the result in `record`.
    pub(crate) async fn identify(
        &self,
        deps: &HttpDeps,
        id: &RequestId,
        record: &RequestRecord,
    ) -> Result<Option<Arc<Caller>>, Rejection> {
        let began = Instant::now();
        let span = tracing::trace_span!(target: TARGET, "authenticate");
        let caller = self.caller(deps, id).instrument(span).await;
        let took = began.elapsed();
        match &caller {
            Ok(caller) => record.authenticated(caller.as_ref(), took),
            Err(failed) => record.unauthenticated(failed.check, self.0.kind(), took),
        }
        Ok(caller?)
    }

    /// Authenticates the caller of a request, and notes it in `record`.
    pub(crate) async fn resolve(
        &self,
        deps: &HttpDeps,
        id: &RequestId,
        record: &RequestRecord,
    ) -> Result<RequestCaller, Rejection> {
        let caller = self.identify(deps, id, record).await?;
        let confirmation = caller.is_some().then(|| Reauthentication::new(Arc::clone(&self.0)));
        let (request_id, address) = (id.to_shared(), self.address());
        Ok(RequestCaller { caller, confirmation, request_id, address, record: record.clone() })
    }

    /// Watches the credential that authenticated `caller`; `None` for an anonymous caller.
    pub(crate) fn watch(&self, caller: Option<Arc<Caller>>) -> Option<Watch> {
        caller.map(|caller| self.0.watch(caller))
    }
}

/// What a request failed whose caller is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailedCheck {
    /// A check of the credential.
    Credential(Check),
    /// The caller is not the user whom the client names: its page shows another one.
    User,
    /// The cookie was not sent by a page of an allowed origin.
    SameSite,
    /// The auth server was asked for the credential, and is not available.
    AuthServer,
    /// The key of the token is unknown, and the key set is not fetched again yet.
    UnknownKey,
    /// The API key is over its own rate limit.
    ApiKeyLimit,
    /// The client has sent too many credentials that failed.
    FailedCredentials,
}

impl FailedCheck {
    /// Its name in the log, where checks of credentials have the names of their variants.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Credential(check) => format!("{check:?}"),
            other => format!("{other:?}"),
        }
    }
}

/// The caller is not authenticated.
pub(crate) struct Unauthenticated {
    check: FailedCheck,
    rejection: Rejection,
}

impl From<Unauthenticated> for Rejection {
    fn from(failed: Unauthenticated) -> Self {
        failed.rejection
    }
}

/// Resolves with the reason when the credential is no longer valid, or the caller's rights have changed. Never
/// resolves for an anonymous caller. The end of a credential is not audited as a rejected credential.
pub(crate) async fn credential_ended(deps: &HttpDeps, watch: Option<&Watch>) -> Rejection {
    let Some(watch) = watch else { return std::future::pending().await };
    match watch.wait_until_invalid().await {
        Ended::Expired => Rejection::expired(),
        Ended::Rejected(rejection) => reject(deps, rejection),
        Ended::Changed => reconnect(),
        Ended::Unavailable(outage) => unavailable(outage),
    }
}

/// Checks that the `Origin` of a WebSocket handshake is allowed.
pub(crate) fn check_origin(
    deps: &HttpDeps,
    headers: &HeaderMap,
    id: &RequestId,
) -> Result<(), Rejection> {
    deps.authenticator.check_origin(headers).map_err(|reason| {
        audit_cross_site(deps, id);
        Rejection::cross_site(reason)
    })
}

fn audit_cross_site(deps: &HttpDeps, id: &RequestId) {
    audit_failure(deps, id, "same site", code::FORBIDDEN);
}

fn audit_failure(deps: &HttpDeps, id: &RequestId, check: &str, outcome: &str) {
    deps.audit.failed(id.as_str(), "authentication", check, outcome);
}

fn into_caller(
    deps: &HttpDeps,
    decision: Authentication,
) -> Result<Option<Arc<Caller>>, Unauthenticated> {
    let (check, rejection) = match decision {
        Authentication::Anonymous => return Ok(None),
        Authentication::Caller(caller) => return Ok(Some(caller)),
        Authentication::CrossSite(reason) => (FailedCheck::SameSite, Rejection::cross_site(reason)),
        Authentication::Rejected(rejection) => {
            (FailedCheck::Credential(rejection.check), reject(deps, rejection))
        }
        Authentication::Unavailable(outage) => {
            let check = match outage.cause {
                UnavailableCause::AuthServer => FailedCheck::AuthServer,
                UnavailableCause::OwnLimit => FailedCheck::ApiKeyLimit,
                UnavailableCause::UnknownKey => FailedCheck::UnknownKey,
            };
            (check, unavailable(outage))
        }
    };
    Err(Unauthenticated { check, rejection })
}

/// Whether a credential that fails `check` may be a guess. One that was valid once is none.
fn is_guess(check: Check) -> bool {
    !matches!(check, Check::Times | Check::Ban | Check::Revocation)
}

/// The reason is returned in development only: elsewhere it would help to forge credentials.
fn reject(deps: &HttpDeps, rejected: CredentialRejected) -> Rejection {
    let reason = if deps.options.is_development { rejected.reason } else { "sign in again" };
    let rejection = Rejection::credential(format!("The credential was rejected: {reason}."));
    if rejected.is_expiry() { rejection.of_expiry() } else { rejection }
}

/// The client finds out who is signed in, as after any rejected credential.
fn of_other_user() -> Rejection {
    let message = "The credential is not of the user whom `Hallpass-User` names: reload the page.";
    Rejection::credential(message.to_owned())
}

fn unavailable(outage: Unavailable) -> Rejection {
    if outage.cause == UnavailableCause::OwnLimit {
        let message = "The API key is over its rate limit: try again later.";
        return Rejection::rate_limited(message, outage.retry_after);
    }
    Rejection::unavailable(
        code::AUTH_UNAVAILABLE,
        "The auth server is unavailable: try again later.",
        outage.retry_after,
    )
}

/// Ends a stream whose caller's rights have changed since it was opened.
fn reconnect() -> Rejection {
    let message = "Your permissions have changed: reconnect.";
    Rejection::unavailable(code::UNAVAILABLE, message, Duration::ZERO)
}
