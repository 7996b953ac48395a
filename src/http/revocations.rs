//! `POST /revocations`: the auth server takes something back.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse as _;

use super::answer::{MediaType, Rejection, RequestId};
use super::{Shared, params};
use crate::config::Limits;
use crate::graphql::code;
use crate::identity::WebhookError;
use crate::revocations::DeskError;

/// The largest message, in bytes: an id, what it is of, and the state of a user.
const MAX_MESSAGE: usize = 16 * 1024;

pub(super) async fn take(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    request: Request<Body>,
) -> Response<Body> {
    match taken(&shared, request, &id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

async fn taken(shared: &Shared, request: Request<Body>, id: &RequestId) -> Result<(), Rejection> {
    let Some(desk) = &shared.parts.revocations else {
        let message = "Revocations are not taken in here: set REVOCATION_SECRET.";
        return Err(Rejection::http(StatusCode::NOT_FOUND, message));
    };
    let (head, body) = request.into_parts();
    let refused = |error: DeskError| {
        note(shared, id, &error);
        rejection(&error)
    };
    // Before the body is read: what is malformed costs no more than that.
    let envelope = desk.read_headers(&head.headers).map_err(refused)?;
    let limits = &shared.parts.limits;
    let limits = Limits { body: limits.body.min(MAX_MESSAGE), ..*limits };
    let body = params::read_body(body, &limits).await?;
    desk.take(&envelope, &body).await.map_err(refused)
}

/// Puts a message that was not the auth server's into the audit.
fn note(shared: &Shared, id: &RequestId, error: &DeskError) {
    let check = match error {
        DeskError::Webhook(WebhookError::Signature) => "signature",
        DeskError::Webhook(WebhookError::Late) => "times",
        DeskError::Webhook(WebhookError::Malformed(_))
        | DeskError::Replayed
        | DeskError::Interrupted
        | DeskError::NotKept(_) => return,
    };
    shared.parts.audit.failed(id.as_str(), "revocations", check, code::UNAUTHENTICATED);
}

fn rejection(error: &DeskError) -> Rejection {
    let message = format!("The message was not taken in: {error}.");
    match error {
        DeskError::Webhook(WebhookError::Malformed(_)) => {
            Rejection::http(StatusCode::BAD_REQUEST, message)
        }
        DeskError::Webhook(why @ (WebhookError::Signature | WebhookError::Late)) => {
            tracing::warn!(reason = %why, "a revocation was not taken in");
            Rejection::unsigned(message)
        }
        DeskError::Replayed => Rejection::conflict(message),
        DeskError::Interrupted => {
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
        DeskError::NotKept(failure) => {
            tracing::error!(error = %failure, "a revocation holds here, and could not be kept");
            Rejection::unavailable(code::UNAVAILABLE, &message, Duration::from_secs(1))
        }
    }
}
