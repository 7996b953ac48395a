//! Explain of GraphiQL, in development: the access decisions for a document, as `hallpass explain` reports them.

use std::sync::Arc;

use async_graphql::Variables;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{Request, Response};
use axum::response::IntoResponse as _;
use axum::{Extension, Json};
use serde::Serialize;

use crate::access_report::{FieldReport, describe_caller};
use crate::http::client_ip::PeerAddr;
use crate::http::graphql::authenticate::RequestIdentity;
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::request::{check_request_head, from_body, read_json_body};
use crate::http::graphql::response::{MediaType, RequestId};
use crate::http::{HttpState, middleware};

/// The decisions for a caller.
#[derive(Serialize)]
struct Explanation {
    caller: String,
    fields: Vec<ExplainedField>,
}

#[derive(Serialize)]
struct ExplainedField {
    path: String,
    /// `allowed`, `denied`, `depends`, `hidden` or `unknown`.
    decision: &'static str,
    explanation: String,
}

impl From<FieldReport> for ExplainedField {
    fn from(report: FieldReport) -> Self {
        Self {
            decision: report.verdict.name(),
            explanation: report.explanation(),
            path: report.path,
        }
    }
}

/// `POST /dev/explain`: explains the `query` of a GraphQL request for its caller, without executing it.
pub(crate) async fn explain(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    request: Request<Body>,
) -> Response<Body> {
    match explanation(&shared, &id, peer, request).await {
        Ok(Some(explanation)) => ([(CACHE_CONTROL, "no-store")], Json(explanation)).into_response(),
        Ok(None) => middleware::not_found().await,
        Err(rejection) => rejection.into_response(MediaType::GraphqlResponse, &id),
    }
}

/// None in production.
async fn explanation(
    shared: &HttpState,
    id: &RequestId,
    peer: PeerAddr,
    request: Request<Body>,
) -> Result<Option<Explanation>, Rejection> {
    let deps = &shared.deps;
    if !deps.options.is_development {
        return Ok(None);
    }
    let (head, body) = request.into_parts();
    check_request_head(&head.method, &head.headers)?;
    let identity = RequestIdentity::new(deps, peer, head.method, head.headers);
    let caller = identity.caller(deps, id).await?;
    let body = shared.bodies.count(body, identity.address(), caller.is_none());
    let params = from_body(&read_json_body(body, &deps.options.limits).await?)?;
    let (document, _) = shared.documents.prepare(&params.query, &Variables::default())?;
    let reports = deps.backend.explain(&document.parsed, caller.as_deref());
    Ok(reports.map(|reports| Explanation {
        caller: describe_caller(caller.as_deref()),
        fields: reports.into_iter().map(ExplainedField::from).collect(),
    }))
}
