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
use crate::graphql::code;
use crate::identity::WebhookError;
use crate::revocations::DeskError;

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
    let body = params::read_body(body, &shared.parts.limits).await?;
    desk.take(&head.headers, &body).await.map_err(|error| {
        let failed = |check| {
            shared.parts.audit.failed(id.as_str(), "revocations", check, code::UNAUTHENTICATED);
        };
        match error {
            DeskError::Webhook(WebhookError::Signature) => failed("signature"),
            DeskError::Webhook(WebhookError::Late) => failed("times"),
            DeskError::Webhook(WebhookError::Malformed(_))
            | DeskError::Replayed
            | DeskError::Interrupted
            | DeskError::NotKept(_) => {}
        }
        rejection(&error)
    })
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
