//! `/graphql`: handler of GraphQL over HTTP.
//!
//! Replaces the handler of async-graphql-axum, which executes mutations sent by HTML forms and by GET, ignores body
//! limits and returns Rust debug text. One operation per request: POST with JSON, or GET for queries. A WebSocket carries
//! any number.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};

use super::authenticate::RequestIdentity;
use super::rejection::Rejection;
use super::response::{MediaType, executed};
use super::{execute, http_cache, request};
use crate::config::Limits;
use crate::http::HttpState;
use crate::http::front::Arrival;
use crate::http::pages::graphiql;
use crate::http::streaming::{Framing, is_upgrade, response_stream, websocket};
use hallpass_identity::Caller;

/// The response formats that the client accepts.
struct Accepts {
    /// A single body of this media type.
    media: Option<MediaType>,
    /// A stream. Used for subscriptions, and for other operations if `media` is `None`.
    stream: Option<Framing>,
}

pub(crate) async fn graphql(
    shared: &Arc<HttpState>,
    request: Request<Body>,
    arrival: Arrival,
) -> Response<Body> {
    let (method, headers) = (request.method(), request.headers());
    if is_upgrade(method, headers) {
        return Box::pin(websocket::open(Arc::clone(shared), arrival, request)).await;
    }
    if request::wants_page(method, headers) && request.uri().query().is_none() {
        return graphiql::page(shared);
    }
    let stream = request::accepted_stream(method, headers);
    let accepts = Accepts { media: request::negotiate(headers), stream };
    let media = accepts.media.unwrap_or(MediaType::GraphqlResponse);
    if accepts.media.is_none() && accepts.stream.is_none() {
        let message = "Accept `application/graphql-response+json` or `application/json`.";
        return Rejection::http(StatusCode::NOT_ACCEPTABLE, message)
            .into_response(MediaType::Json, &arrival.id);
    }
    arrival.record.graphql();
    // Boxed: the future is large, and each of those around it would be moved with it.
    let response = match Box::pin(execute_and_respond(shared, request, &accepts, &arrival)).await {
        Ok(response) => response,
        Err(rejection) => {
            arrival.record.rejected(&rejection);
            rejection.into_response(media, &arrival.id)
        }
    };
    // None of a stream, whose operation has a line of its own.
    if let Some(bytes) = response.body().size_hint().exact() {
        arrival.record.sent(bytes);
    }
    response
}

async fn execute_and_respond(
    shared: &Arc<HttpState>,
    request: Request<Body>,
    accepts: &Accepts,
    arrival: &Arrival,
) -> Result<Response<Body>, Rejection> {
    let Arrival { id, record, peer, .. } = arrival;
    let (head, body) = request.into_parts();
    request::check_request_head(&head.method, &head.headers)?;
    let is_get = head.method == Method::GET;
    let conditions = if is_get { head.headers.clone() } else { HeaderMap::new() };
    let idempotency_key = request::idempotency_key(&head.headers)?;
    let identity = RequestIdentity::new(&shared.deps, *peer, head.method, head.headers);
    let request_caller = identity.resolve(&shared.deps, id, record).await?;
    let caller = request_caller.caller.clone();
    let mut params = if is_get {
        request::from_query_string(head.uri.query().unwrap_or_default())?
    } else {
        let limits = limits_of(shared, request_caller.caller.as_deref(), &body);
        let body = shared.bodies.count(body, identity.address(), caller.is_none());
        request::from_body(&request::read_json_body(body, &limits).await?)?
    };
    params.idempotency_key = idempotency_key;
    record.sent_document(&params);
    let params = params.resolve(&shared.known, caller.as_deref()).await?;
    let operation = execute::prepare_within_budget(shared, params, request_caller).await;
    let is_subscription = operation.as_ref().is_ok_and(execute::Operation::is_subscription);
    let framing = accepts.stream.filter(|_| is_subscription || accepts.media.is_none());
    if let Some(framing) = framing {
        let is_accepted = operation.is_ok();
        let response =
            response_stream::stream(shared, operation, identity, caller, framing, arrival);
        let response = response.await?;
        if is_accepted {
            record.streamed();
        }
        return Ok(response);
    }
    let media = accepts.media.unwrap_or(MediaType::GraphqlResponse);
    let operation = operation?;
    if is_subscription {
        let message = "Subscriptions need a stream: send them by POST with `Accept: text/event-stream`, or connect to /graphql/ws.";
        return Err(Rejection::query(message.to_owned()));
    }
    if is_get && operation.is_mutation() {
        return Err(Rejection::method("Send mutations by POST.", "POST"));
    }
    let max_age = operation.max_age().filter(|_| is_get);
    let content = operation.run(id).await?;
    let cacheable =
        max_age.and_then(|max_age| http_cache::respond(&content, media, max_age, &conditions));
    Ok(cacheable.unwrap_or_else(|| executed(&content, media)))
}

/// Factor of `MAX_BODY` for callers whose mutations have long texts: 100,000 characters, of up to 12 bytes each in
/// JSON.
const LARGE_BODY_FACTOR: usize = 6;

/// The limits of a request by `caller`.
fn limits_of(shared: &HttpState, caller: Option<&Caller>, body: &Body) -> Limits {
    let limits = shared.deps.options.limits;
    let length = body.size_hint().upper();
    if length.is_some_and(|length| length <= limits.body as u64) {
        return limits;
    }
    let view = shared.deps.backend.schema_for(caller).view;
    match shared.deps.application.large_bodies().any(|rule| view.includes(&rule.name())) {
        true => Limits { body: limits.body.saturating_mul(LARGE_BODY_FACTOR), ..limits },
        false => limits,
    }
}
