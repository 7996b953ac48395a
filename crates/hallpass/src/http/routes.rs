//! Routes of the application: authentication and limits in front of its handlers, as in front of GraphQL.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use hallpass_data::{Error as DataError, Scope};
use http_body_util::Limited;

use super::HttpState;
use super::client_ip::PeerAddr;
use super::graphql::authenticate::RequestIdentity;
use super::graphql::rejection::{Rejection, plain};
use super::graphql::response::RequestId;
use super::ops::request_record::RequestRecord;
use crate::code;
use crate::graphql::NO_TENANT;
use hallpass_identity::{Authenticated, Levels};

/// The points that a request costs.
const REQUEST_COST: u64 = 1;

/// Authenticates a request to a route of the application, and runs its handler within the limits.
pub(crate) async fn authenticate(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    request: Request,
    next: Next,
) -> Response {
    let record = RequestRecord::in_extensions(request.extensions());
    match run(&shared, &id, &record, peer, request, next).await {
        Ok(response) => response,
        Err(rejection) => {
            record.rejected(&rejection);
            rejection.into_plain_response()
        }
    }
}

async fn run(
    shared: &HttpState,
    id: &RequestId,
    record: &RequestRecord,
    peer: PeerAddr,
    request: Request,
    next: Next,
) -> Result<Response, Rejection> {
    let deps = &shared.deps;
    let (mut head, body) = request.into_parts();
    let identity = RequestIdentity::new(deps, peer, head.method.clone(), head.headers.clone());
    let request_caller = identity.resolve(deps, id, record).await?;
    let client = request_caller.client();
    let (payer, address) = (request_caller.caller.as_deref(), request_caller.address);
    shared.admission.check(payer, deps.backend.queue_time(&request_caller))?;
    let spent = deps.rate_limiter.spend(payer, address, REQUEST_COST).await;
    spent.map_err(|exceeded| Rejection::exceeded(exceeded, REQUEST_COST, false))?;
    let levels: &Arc<Levels> = &deps.options.levels;
    let caller = request_caller.caller.clone();
    let is_limited = caller.as_ref().is_some_and(|caller| !caller.has_all_scopes());
    head.extensions.insert(Authenticated::new(caller, Arc::clone(levels)));
    head.extensions
        .insert(RouteScope { scope: deps.backend.route_scope(&request_caller), is_limited });
    let is_anonymous = request_caller.caller.is_none();
    let (body, held) = shared.bodies.count(body, address, is_anonymous);
    let body = Body::new(Limited::new(body, deps.options.limits.body));
    let _permit = shared.concurrency.acquire(&client).await?;
    let response = AssertUnwindSafe(next.run(Request::from_parts(head, body))).catch_unwind();
    match tokio::time::timeout(deps.options.limits.timeout, response).await {
        Ok(Ok(response)) => held.rejection().map_or(Ok(response), Err),
        Ok(Err(_)) => {
            tracing::error!("a handler of the application panicked");
            Err(Rejection::internal())
        }
        Err(_) => Err(Rejection::unavailable(
            code::TIMEOUT,
            "The request timed out: request less, or try again.",
            Duration::from_secs(1),
        )),
    }
}

/// In the extensions of a request to a route of the application.
#[derive(Clone)]
struct RouteScope {
    scope: Scope,
    /// Whether the caller's OAuth client is limited to scopes.
    is_limited: bool,
}

/// Extractor: the rows that the caller may access, as `ctx.scope()` in a resolver. A route states no OAuth scope, so
/// an OAuth client that is limited to scopes is rejected with 403.
///
/// ```
/// use hallpass::data::policy::OwnedEntity;
/// use hallpass::http::{CallerScope, RouteError};
///
/// async fn count<E: OwnedEntity>(CallerScope(scope): CallerScope) -> Result<String, RouteError> {
///     Ok(scope.owned::<E>()?.count().await?.to_string())
/// }
/// ```
pub struct CallerScope(pub Scope);

impl<S: Sync> FromRequestParts<S> for CallerScope {
    type Rejection = RouteError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, RouteError> {
        match parts.extensions.get::<RouteScope>() {
            Some(RouteScope { is_limited: true, .. }) => Err(RouteError::LimitedClient),
            Some(RouteScope { scope, .. }) => Ok(Self(scope.clone())),
            None => Err(RouteError::NoRoute),
        }
    }
}

/// Why a route of an application has no result. The response is JSON: `{"code": …, "message": …}`.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// 403: the OAuth client is limited to scopes.
    #[error("This path does not accept OAuth clients that are limited to scopes.")]
    LimitedClient,
    /// 500: the handler is not behind [`Routes`](crate::application::Routes).
    #[error("Internal server error.")]
    NoRoute,
    /// 401 without a caller, 403 without a tenant, 400 over a quota, else 503 or 500.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl IntoResponse for RouteError {
    fn into_response(self) -> Response {
        let error = match self {
            Self::LimitedClient => {
                return plain(StatusCode::FORBIDDEN, code::FORBIDDEN, &self.to_string());
            }
            Self::NoRoute => return Rejection::internal().into_plain_response(),
            Self::Data(error) => error,
        };
        let unavailable = |code, message| {
            tracing::error!(%error, "a route failed to access the database");
            Rejection::unavailable(code, message, Duration::from_secs(1)).into_plain_response()
        };
        match &error {
            DataError::Unauthenticated => {
                let challenge = [(WWW_AUTHENTICATE, "Bearer")];
                let message = "Sign in to continue.";
                let response = plain(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message);
                (challenge, response).into_response()
            }
            DataError::NoTenant => plain(StatusCode::FORBIDDEN, code::FORBIDDEN, NO_TENANT),
            DataError::Full { most, .. } => {
                let message = format!("The limit of {most} rows (ROWS_PER_OWNER) is reached.");
                plain(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, &message)
            }
            DataError::Unavailable(_) => {
                unavailable(code::UNAVAILABLE, "The server is busy: try again soon.")
            }
            DataError::Timeout(_) => {
                unavailable(code::TIMEOUT, "This took too long: try again soon.")
            }
            DataError::UniqueViolation(_)
            | DataError::ForeignKeyViolation(_)
            | DataError::Internal(_) => {
                tracing::error!(%error, "the database rejected a statement of a route");
                Rejection::internal().into_plain_response()
            }
        }
    }
}
