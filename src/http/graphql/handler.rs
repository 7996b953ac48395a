//! The GraphQL endpoint.
//!
//! Our own, because the library's executes mutations sent by plain HTML forms and by GET, ignores
//! body limits and prints Rust. One operation per request: POST with JSON, or GET for queries.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode};

use super::authenticate::RequestIdentity;
use super::response::{MediaType, Rejection, RequestId, executed};
use super::{execute, request};
use crate::access::EDITOR;
use crate::config::Limits;
use crate::http::HttpState;
use crate::http::client_ip::PeerAddr;
use crate::http::pages::graphiql;
use crate::http::server::ConnectionHandle;
use crate::http::streaming::sse;
use crate::identity::Caller;

/// How the client wants the answer.
struct Accepts {
    /// As one body of this kind.
    media: Option<MediaType>,
    /// As a stream of events: of whatever it asks for where nothing else will do, else of subscriptions.
    events: bool,
}

pub(crate) async fn graphql(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    Extension(connection): Extension<ConnectionHandle>,
    request: Request<Body>,
) -> Response<Body> {
    let (method, headers) = (request.method(), request.headers());
    if request::wants_page(method, headers) && request.uri().query().is_none() {
        return graphiql::page(&shared);
    }
    let events = request::accepts_events(method, headers);
    let accepts = Accepts { media: request::negotiate(headers), events };
    let media = accepts.media.unwrap_or(MediaType::GraphqlResponse);
    if accepts.media.is_none() && !accepts.events {
        let message = "Accept `application/graphql-response+json` or `application/json`.";
        return Rejection::http(StatusCode::NOT_ACCEPTABLE, message)
            .into_response(MediaType::Json, &id);
    }
    match execute_and_respond(&shared, request, peer, &accepts, &connection, &id).await {
        Ok(response) => response,
        Err(rejection) => rejection.into_response(media, &id),
    }
}

async fn execute_and_respond(
    shared: &Arc<HttpState>,
    request: Request<Body>,
    peer: PeerAddr,
    accepts: &Accepts,
    connection: &ConnectionHandle,
    id: &RequestId,
) -> Result<Response<Body>, Rejection> {
    let (head, body) = request.into_parts();
    request::check_request_head(&head.method, &head.headers)?;
    let is_get = head.method == Method::GET;
    let idempotency_key = request::idempotency_key(&head.headers)?;
    let asker = RequestIdentity::new(&shared.parts, peer, head.method, head.headers);
    let who = asker.resolve(&shared.parts, id).await?;
    let caller = who.caller.clone();
    let mut params = if is_get {
        request::from_query_string(head.uri.query().unwrap_or_default())?
    } else {
        let limits = limits_of(shared, who.caller.as_deref());
        request::from_body(&request::read_json_body(body, &limits).await?)?
    };
    params.idempotency_key = idempotency_key;
    let operation = execute::prepare(shared, params, who);
    let lasts = operation.as_ref().is_ok_and(execute::Operation::is_subscription);
    let media = match accepts.media {
        Some(media) if !(accepts.events && lasts) => media,
        _ => return sse::stream(shared, operation, asker, caller, connection, id),
    };
    let operation = operation?;
    if lasts {
        let message = "Subscriptions last: accept `text/event-stream`, or ask on /graphql/ws.";
        return Err(Rejection::query(message.to_owned()));
    }
    if is_get && operation.is_mutation() {
        return Err(Rejection::method("Send mutations by POST.", "POST"));
    }
    Ok(executed(&operation.run(id).await?, media))
}

/// How many times `MAX_BODY` callers who write chapters may send: 100,000 characters of a text take up to 12 bytes
/// each in JSON.
const FACTOR_FOR_EDITORS: usize = 6;

/// The limits of a request of `caller`.
fn limits_of(shared: &HttpState, caller: Option<&Caller>) -> Limits {
    let usual = shared.parts.limits;
    match (shared.parts.see)(caller).view.includes(&EDITOR.name()) {
        true => Limits { body: usual.body.saturating_mul(FACTOR_FOR_EDITORS), ..usual },
        false => usual,
    }
}
