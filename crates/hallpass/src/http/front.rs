//! The main address: each request gets an id and a line in the log, and each response its headers.
//!
//! GraphQL requests are most of the load. Their handler is called directly: each layer of a router clones the layers
//! below it, and allocates a future, for every request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;
use tracing::Instrument as _;

use super::HttpState;
use super::client_ip::{PeerAddr, client_ip};
use super::graphql::handler::graphql;
use super::graphql::rejection::Rejection;
use super::graphql::response::{MediaType, RequestId};
use super::ops::request_record::{Exchange, RequestRecord};
use super::server::{ConnectionHandle, Respond};
use super::{compression, middleware};

/// The path of GraphQL.
const GRAPHQL: &str = "/graphql";

/// A request before it is routed.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) id: RequestId,
    pub(crate) record: RequestRecord,
    pub(crate) peer: PeerAddr,
    pub(crate) connection: ConnectionHandle,
}

/// What the main address serves.
#[derive(Clone)]
pub struct Front {
    shared: Arc<HttpState>,
    cors: Option<CorsLayer>,
    /// The other paths.
    router: Router,
}

impl Front {
    pub(super) fn new(shared: Arc<HttpState>, cors: Option<CorsLayer>, router: Router) -> Self {
        Self { shared, cors, router }
    }

    /// Responds to a request, with the headers of CORS if it may be one of another origin.
    async fn across_origins(&self, request: Request, arrival: Arrival) -> Response {
        let cors = self.cors.as_ref().filter(|_| is_cors(&request));
        let Some(cors) = cors else { return self.route(request, arrival).await };
        let route = async |request| Ok::<_, Infallible>(self.route(request, arrival.clone()).await);
        match Box::pin(cors.layer(service_fn(route)).oneshot(request)).await {
            Ok(response) => response,
            Err(infallible) => match infallible {},
        }
    }

    async fn route(&self, mut request: Request, arrival: Arrival) -> Response {
        if request.uri().path() == GRAPHQL {
            let coding = compression::negotiate(request.headers());
            let response = graphql(&self.shared, request, arrival).await;
            return compression::compress(response, coding).await;
        }
        let extensions = request.extensions_mut();
        extensions.insert(arrival.id);
        extensions.insert(arrival.record);
        self.router.respond(request, arrival.peer, &arrival.connection).await
    }
}

/// Whether it is a CORS request, which has an `Origin` (section 3.2 of the Fetch standard), or any preflight.
fn is_cors(request: &Request) -> bool {
    request.method() == Method::OPTIONS || request.headers().contains_key(ORIGIN)
}

impl Respond for Front {
    async fn respond(
        &self,
        request: Request,
        peer: PeerAddr,
        connection: &ConnectionHandle,
    ) -> Response {
        let shared = &self.shared;
        let address = client_ip(peer, request.headers(), &shared.deps.options.trusted_proxies);
        let (id, record) = (RequestId::generate(), RequestRecord::of(address, request.headers()));
        let traced = middleware::server_span(&request, &record);
        // DNS rebinding: a page on a domain that resolves to this machine could otherwise read the personas' tokens. So
        // could a client of a proxy that serves other machines.
        if shared.deps.options.is_development
            && !middleware::is_loopback(shared, request.headers(), peer)
        {
            let message = "In development mode this server accepts requests to localhost and loopback addresses only.";
            return Rejection::http(StatusCode::FORBIDDEN, message)
                .into_response(MediaType::Json, &id);
        }
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let arrival = Arrival {
            id: id.clone(),
            record: record.clone(),
            peer,
            connection: connection.clone(),
        };
        let began = Instant::now();
        let responding = self.across_origins(request, arrival);
        let mut response = id.scope(responding).instrument(traced.clone()).await;
        let (status, took) = (response.status(), began.elapsed());
        shared.metrics.record_response(status, took);
        let exchange = Exchange { id: &id, method: &method, path: &path, status, took };
        middleware::end_span(&traced, status, &record);
        record.finish(&exchange, &shared.operation_metrics, &shared.log_hash);
        middleware::set_response_headers(response.headers_mut(), &id, &shared.vary);
        response
    }
}
