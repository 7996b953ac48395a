//! What the auth server says by signed messages: `POST /revocations` takes something back,
//! `POST /identities/link` hands over what a guest owns.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse as _;

use crate::cluster::revocation_sync::{Linked, RevocationError};
use crate::config::Limits;
use crate::graphql::code;
use crate::http::HttpState;
use crate::http::graphql::request;
use crate::http::graphql::response::{MediaType, Rejection, RequestId};
use crate::identity::WebhookError;

/// What the audit calls the messages that take something back.
const TAKING: &str = "revocations";
/// What the audit calls the messages about guests who signed in.
const LINKING: &str = "identities";

/// The largest message, in bytes: an id, what it is of, and the state of a user.
const MAX_MESSAGE: usize = 16 * 1024;

pub(crate) async fn take(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response<Body> {
    match taken(&shared, request, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

async fn taken(
    shared: &HttpState,
    request: Request<Body>,
    id: &RequestId,
) -> Result<(), Rejection> {
    let Some(desk) = &shared.parts.revocations else {
        let message = "Revocations are not taken in here: set REVOCATION_SECRET.";
        return Err(Rejection::http(StatusCode::NOT_FOUND, message));
    };
    let (head, body) = request.into_parts();
    let envelope =
        desk.read_headers(&head.headers).map_err(|error| refused(shared, id, TAKING, &error))?;
    let body = message(shared, body).await?;
    desk.receive(&envelope, &body).await.map_err(|error| refused(shared, id, TAKING, &error))
}

/// `POST /identities/link`: what a guest owns becomes an account's.
pub(crate) async fn link(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response<Body> {
    match linked(&shared, request, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

async fn linked(
    shared: &HttpState,
    request: Request<Body>,
    id: &RequestId,
) -> Result<(), Rejection> {
    let Some(desk) = &shared.parts.revocations else {
        let message = "Identities are not linked here: set REVOCATION_SECRET.";
        return Err(Rejection::http(StatusCode::NOT_FOUND, message));
    };
    let (head, body) = request.into_parts();
    let envelope =
        desk.read_headers(&head.headers).map_err(|error| refused(shared, id, LINKING, &error))?;
    let body = message(shared, body).await?;
    let linked = desk.link(&envelope, &body).await;
    let Linked { from, to, rows } = linked.map_err(|error| refused(shared, id, LINKING, &error))?;
    shared.parts.audit.linked(id.as_str(), LINKING, [from.as_str(), to.as_str()], rows);
    Ok(())
}

/// The body of a message. It is read after the headers: what is malformed there costs no more than that.
async fn message(shared: &HttpState, body: Body) -> Result<Bytes, Rejection> {
    let limits = &shared.parts.limits;
    let limits = Limits { body: limits.body.min(MAX_MESSAGE), ..*limits };
    request::read_json_body(body, &limits).await
}

/// The rejection of a message. One that was not the auth server's goes into the audit, at `field`.
fn refused(shared: &HttpState, id: &RequestId, field: &str, error: &RevocationError) -> Rejection {
    let check = match error {
        RevocationError::Webhook(WebhookError::Signature) => Some("signature"),
        RevocationError::Webhook(WebhookError::Late) => Some("times"),
        RevocationError::Webhook(WebhookError::Malformed(_))
        | RevocationError::Replayed
        | RevocationError::Interrupted
        | RevocationError::NotKept(_) => None,
    };
    if let Some(check) = check {
        shared.parts.audit.failed(id.as_str(), field, check, code::UNAUTHENTICATED);
    }
    rejection(error)
}

fn rejection(error: &RevocationError) -> Rejection {
    let message = format!("The message was not taken in: {error}.");
    match error {
        RevocationError::Webhook(WebhookError::Malformed(_)) => {
            Rejection::http(StatusCode::BAD_REQUEST, message)
        }
        RevocationError::Webhook(why @ (WebhookError::Signature | WebhookError::Late)) => {
            tracing::warn!(reason = %why, "a revocation was not taken in");
            Rejection::unsigned(message)
        }
        RevocationError::Replayed => Rejection::conflict(message),
        RevocationError::Interrupted => {
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
        RevocationError::NotKept(failure) => {
            tracing::error!(error = %failure, "a revocation holds here, and could not be kept");
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
    }
}
