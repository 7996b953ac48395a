//! The GraphQL endpoint.
//!
//! Our own, because the library's executes mutations sent by plain HTML forms and by GET, ignores
//! body limits and prints Rust. One operation per request: POST with JSON, or GET for queries.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode, request};
use futures_util::FutureExt as _;

use super::address::{Peer, end_user};
use super::answer::{MediaType, Rejection, RequestId, executed};
use super::document::operation;
use super::{Asker, Shared, graphiql, params, variables};
use crate::config::Limits;
use crate::graphql::code;
use crate::identity::{Caller, Decision, Recheck};
use crate::schema::Schema;

pub(super) async fn graphql(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    if params::wants_page(&head.method, &head.headers) && head.uri.query().is_none() {
        return graphiql::page();
    }
    let Some(media) = params::negotiate(&head.headers) else {
        let message = "Accept `application/graphql-response+json` or `application/json`.";
        return Rejection::http(StatusCode::NOT_ACCEPTABLE, message)
            .into_response(MediaType::Json, &id);
    };
    match answer(&shared, head, body, peer, &id).await {
        Ok(answered) => executed(answered, media, &id),
        Err(rejection) => rejection.into_response(media, &id),
    }
}

async fn answer(
    shared: &Shared,
    head: request::Parts,
    body: Body,
    peer: Peer,
    id: &RequestId,
) -> Result<async_graphql::Response, Rejection> {
    params::check_head(&head.method, &head.headers)?;
    let caller = who_is_asking(shared, &head, peer).await?;
    let limits = &shared.parts.limits;
    let params = match head.method {
        Method::GET => params::from_query_string(head.uri.query().unwrap_or_default())?,
        _ => params::from_body(&params::read_body(body, limits).await?)?,
    };
    let seen = (shared.parts.see)(caller.as_deref());
    let document = shared.documents.prepare(&params.query, &params.variables)?;
    if let Some(operation) = operation(&document, params.operation_name.as_deref()) {
        match operation.ty {
            OperationType::Mutation if head.method == Method::GET => {
                return Err(Rejection::method("Send mutations by POST.", "POST"));
            }
            OperationType::Subscription => {
                return Err(Rejection::query("Subscriptions are not offered here.".to_owned()));
            }
            OperationType::Query | OperationType::Mutation => {}
        }
        if let Some(problem) = variables::problem(operation, &params.variables, &seen.types) {
            return Err(Rejection::input(&problem.path, problem.message));
        }
    }
    let mut request = async_graphql::Request::new(params.query).variables(params.variables);
    request.operation_name = params.operation_name;
    request.set_parsed_query((*document).clone());
    let recheck = caller.is_some().then(|| {
        let address = end_user(peer, &head.headers, &shared.parts.trusted_proxies);
        let authenticator = Arc::clone(&shared.parts.authenticator);
        Recheck::new(authenticator, head.method, head.headers, address)
    });
    let asker = Asker { caller, recheck, request_id: id.as_str().to_owned() };
    run(&seen.schema, &shared.parts.limits, (shared.parts.prepare)(request, asker)).await
}

async fn who_is_asking(
    shared: &Shared,
    head: &request::Parts,
    peer: Peer,
) -> Result<Option<Arc<Caller>>, Rejection> {
    let parts = &shared.parts;
    let address = end_user(peer, &head.headers, &parts.trusted_proxies);
    match parts.authenticator.decide(&head.method, &head.headers, address).await {
        Decision::Anonymous => Ok(None),
        Decision::Caller(caller) => Ok(Some(caller)),
        Decision::CrossSite(why) => Err(Rejection::cross_site(why)),
        // Why is told in development only: elsewhere it would tell a forger how far they came.
        Decision::Refused(refusal) if parts.personas.is_some() => {
            Err(Rejection::credential(format!("The credential was refused: {}.", refusal.reason)))
        }
        Decision::Refused(_) => {
            Err(Rejection::credential("The credential was refused: sign in again.".to_owned()))
        }
        Decision::Unavailable(outage) => Err(Rejection::unavailable(
            code::AUTH_UNAVAILABLE,
            "The sign-in service cannot be reached: please try again soon.",
            outage.retry_after,
        )),
    }
}

/// Runs it within its time. A panic is a fault of ours, and the server lives on.
async fn run(
    schema: &Schema,
    limits: &Limits,
    request: async_graphql::Request,
) -> Result<async_graphql::Response, Rejection> {
    let execution = AssertUnwindSafe(schema.execute(request)).catch_unwind();
    match tokio::time::timeout(limits.timeout, execution).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(_)) => {
            tracing::error!("a resolver panicked");
            Err(Rejection::internal())
        }
        Err(_) => Err(Rejection::unavailable(
            code::TIMEOUT,
            "This took too long: ask for less, or try again soon.",
            Duration::from_secs(1),
        )),
    }
}
