//! Webhooks of the auth server, signed per Standard Webhooks: `POST /revocations` revokes sessions and users,
//! `POST /identities/link` transfers the rows of a guest to an account.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse as _;

use crate::cluster::revocation_sync::{Linked, RevocationError};
use crate::code;
use crate::config::Limits;
use crate::http::HttpState;
use crate::http::client_ip::{PeerAddr, client_ip};
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::request::{self, JsonBody};
use crate::http::graphql::response::{MediaType, RequestId};
use hallpass_identity::WebhookError;

/// The `field` of revocations in the audit log.
const REVOCATIONS_FIELD: &str = "revocations";
/// The `field` of identity links in the audit log.
const LINK_FIELD: &str = "identities";

/// Size limit of a message: it has an id, a target, and the state of a user.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// `POST /revocations`
pub(crate) async fn revoke(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let address = client_ip(peer, request.headers(), &shared.deps.options.trusted_proxies);
    let work = receive_revocation(&shared, request, address, &id);
    match limited(&shared, address, work).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

async fn receive_revocation(
    shared: &HttpState,
    request: Request<Body>,
    address: IpAddr,
    id: &RequestId,
) -> Result<(), Rejection> {
    let Some(service) = &shared.deps.revocations else {
        let message = "Revocation webhooks are disabled: set REVOCATION_SECRET.";
        return Err(Rejection::http(StatusCode::NOT_FOUND, message));
    };
    let (head, body) = request.into_parts();
    let envelope = service
        .read_headers(&head.headers)
        .map_err(|error| reject(shared, id, REVOCATIONS_FIELD, &error))?;
    let body = message(shared, body, address).await?;
    service
        .receive(&envelope, &body)
        .await
        .map_err(|error| reject(shared, id, REVOCATIONS_FIELD, &error))
}

/// `POST /identities/link`
pub(crate) async fn link(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let address = client_ip(peer, request.headers(), &shared.deps.options.trusted_proxies);
    let work = link_identities(&shared, request, address, &id);
    match limited(&shared, address, work).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

async fn link_identities(
    shared: &HttpState,
    request: Request<Body>,
    address: IpAddr,
    id: &RequestId,
) -> Result<(), Rejection> {
    let Some(service) = &shared.deps.revocations else {
        let message = "Identity links are disabled: set REVOCATION_SECRET.";
        return Err(Rejection::http(StatusCode::NOT_FOUND, message));
    };
    let (head, body) = request.into_parts();
    let envelope = service
        .read_headers(&head.headers)
        .map_err(|error| reject(shared, id, LINK_FIELD, &error))?;
    let body = message(shared, body, address).await?;
    let linked = service.link(&envelope, &body).await;
    let Linked { from, to, rows } =
        linked.map_err(|error| reject(shared, id, LINK_FIELD, &error))?;
    shared.deps.audit.linked(id.as_str(), LINK_FIELD, [from.as_str(), to.as_str()], rows);
    Ok(())
}

/// Receives a message, unless its address sent too many that were not signed by the auth server.
async fn limited(
    shared: &HttpState,
    address: IpAddr,
    receive: impl Future<Output = Result<(), Rejection>>,
) -> Result<(), Rejection> {
    let limiter = &shared.deps.rate_limiter;
    limiter.check_failures(address).map_err(|exceeded| {
        limiter.count_refused_credential();
        Rejection::too_many_failures(exceeded)
    })?;
    let received = receive.await;
    if received.as_ref().is_err_and(Rejection::is_unauthorized) {
        limiter.count_failure(address);
    }
    received
}

/// Reads the body of a message, after the headers have been parsed: malformed requests are rejected cheaply.
async fn message(shared: &HttpState, body: Body, address: IpAddr) -> Result<JsonBody, Rejection> {
    let body = shared.message_bodies.count(body, address, true);
    let limits = &shared.deps.options.limits;
    let limits = Limits { body: limits.body.min(MAX_MESSAGE_BYTES), ..*limits };
    request::read_json_body(body, &limits).await
}

/// Maps an error to a rejection. Failed signatures are written to the audit log, as `field`.
fn reject(shared: &HttpState, id: &RequestId, field: &str, error: &RevocationError) -> Rejection {
    let check = match error {
        RevocationError::Webhook(WebhookError::Signature) => Some("signature"),
        RevocationError::Webhook(WebhookError::TimestampOutOfRange) => Some("times"),
        RevocationError::Webhook(WebhookError::Malformed(_))
        | RevocationError::Replayed
        | RevocationError::Interrupted
        | RevocationError::NotKept(_) => None,
    };
    if let Some(check) = check {
        shared.deps.audit.failed(id.as_str(), field, check, code::UNAUTHENTICATED);
    }
    rejection(error)
}

fn rejection(error: &RevocationError) -> Rejection {
    let message = format!("The message was rejected: {error}.");
    match error {
        RevocationError::Webhook(WebhookError::Malformed(_)) => {
            Rejection::http(StatusCode::BAD_REQUEST, message)
        }
        RevocationError::Webhook(
            cause @ (WebhookError::Signature | WebhookError::TimestampOutOfRange),
        ) => {
            tracing::warn!(reason = %cause, "webhook rejected");
            Rejection::unsigned(message)
        }
        RevocationError::Replayed => Rejection::conflict(message),
        RevocationError::Interrupted => {
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
        RevocationError::NotKept(failure) => {
            tracing::error!(error = %failure, "revocation applied on this node, but not stored");
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
    }
}
