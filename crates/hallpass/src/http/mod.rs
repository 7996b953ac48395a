//! HTTP: the only module with handlers.
//!
//! `server` accepts the connection, `front` gives the request an id and sets response headers, and
//! `graphql::handler` responds: `graphql::authenticate` resolves the caller, `limits` checks the document, and
//! `graphql::execute` runs the operation. WebSockets and server-sent events are in `streaming`.

mod backend;
pub(crate) mod client_ip;
mod compression;
mod front;
pub(crate) mod graphql;
pub(crate) mod limits;
pub(crate) mod middleware;
pub(crate) mod ops;
pub(crate) mod pages;
pub(crate) mod routes;
mod server;
pub(crate) mod streaming;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::routing::{MethodRouter, any, get, post};
use hallpass_data::Client;
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::application::Application;
use crate::audit::Audit;
use crate::cluster::redis_store::RedisStore;
use crate::cluster::revocation_sync::RevocationService;
use crate::config::Limits;
use hallpass_identity::{Authenticator, Caller, EXPECTED_USER, Levels, Reauthentication, network};

pub use backend::Backend;
pub use limits::document_cache::DocumentCache;
pub use limits::rate_limit::RateLimiter;
pub use limits::trusted_documents::TrustedDocuments;
pub(crate) use limits::trusted_documents::{Checker, read_manifest};
pub use limits::weights::Weights;
pub use pages::graphiql::PersonaCard;
pub use routes::{CallerScope, RouteError};
pub(crate) use server::serve;
pub use server::{BoundUnixSocket, Listener, ServeOptions, raise_file_limit};

pub use front::Front;
use graphql::budget;
use graphql::http_cache::CacheHints;
pub(crate) use graphql::response::RequestId;
use limits::admission::Admission;
use limits::body_bytes::BodyLimiter;
use limits::concurrency::ConcurrencyLimiter;
use limits::persisted_queries::PersistedQueries;
use ops::log_hash::LogHash;
use ops::metrics::HttpMetrics;
use ops::operation_metrics::OperationMetrics;
pub(crate) use ops::request_line::REFUSED;
use ops::request_record::RequestRecord;
use streaming::{CallerLimiter, ConnectionLimiter, largest_holder};

/// The caller of one GraphQL request, and the context that its execution needs.
pub struct RequestCaller {
    /// The caller; `None` for an anonymous request.
    pub caller: Option<Arc<Caller>>,
    /// Re-authenticates the caller at the auth server, for fields that require step-up authentication.
    pub confirmation: Option<Reauthentication>,
    /// The request id.
    pub request_id: Arc<str>,
    /// The end user's address.
    pub address: IpAddr,
    pub(crate) record: RequestRecord,
}

impl RequestCaller {
    /// The client that per-client limits (database connections, concurrent operations) count the request for.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.caller {
            Some(caller) => Client::Caller(caller.id().as_str().into()),
            None => Client::Anonymous(network(self.address)),
        }
    }
}

/// The settings of the HTTP front end.
pub struct HttpOptions {
    /// Whether this is development mode.
    pub is_development: bool,
    /// Whether introspection is enabled.
    pub introspection: bool,
    /// Tiers and roles, for the extractors of routes.
    pub levels: Arc<Levels>,
    /// Limits of one request.
    pub limits: Limits,
    /// Whether clients can persist documents.
    pub persists_queries: bool,
    /// Headers that pages of other origins may send. None: all that they ask for.
    pub allowed_headers: Option<Vec<HeaderName>>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a WebSocket without a running operation stays open.
    pub keep_alive: Duration,
    /// The key of the hashes of callers and clients in the log.
    pub log_id_key: SecretString,
    /// Whether the main address serves `/metrics` too.
    pub serves_metrics: bool,
}

/// What the HTTP front end is built from.
pub struct HttpDeps {
    /// The settings.
    pub options: HttpOptions,
    /// The application, for the weights of its fields and the callers of its longer mutations.
    pub application: Arc<Application>,
    /// The application behind the handlers.
    pub backend: Arc<dyn Backend>,
    /// The cache of documents.
    pub documents: Arc<DocumentCache>,
    /// The trusted documents, if TRUSTED_DOCUMENTS is set.
    pub trusted_documents: Option<Arc<TrustedDocuments>>,
    /// Authenticates callers.
    pub authenticator: Arc<Authenticator>,
    /// The routes of the application, if it has any.
    pub routes: Option<Router>,
    /// Records failed credentials.
    pub audit: Arc<Audit>,
    /// Query cost per time.
    pub rate_limiter: RateLimiter,
    /// What the nodes share, if REDIS_URL is set.
    pub redis: Option<Arc<RedisStore>>,
    /// Cancelled when the server begins to stop; `/ready` then returns 503.
    pub draining: CancellationToken,
    /// Receives revocation webhooks, if REVOCATION_SECRET is set.
    pub revocations: Option<Arc<RevocationService>>,
    /// The metrics.
    pub metrics: Registry,
}

pub(crate) struct HttpState {
    deps: HttpDeps,
    documents: Arc<DocumentCache>,
    known: KnownDocuments,
    concurrency: ConcurrencyLimiter,
    admission: Admission,
    bodies: BodyLimiter,
    message_bodies: BodyLimiter,
    connections: ConnectionLimiter,
    caller_limits: CallerLimiter,
    metrics: HttpMetrics,
    operation_metrics: OperationMetrics,
    log_hash: LogHash,
    cache_hints: CacheHints,
    vary: HeaderValue,
}

impl HttpState {
    /// Counts and logs an operation of a stream, which took this long unless it is a subscription.
    pub(crate) fn finish_streamed(
        &self,
        record: &RequestRecord,
        id: &RequestId,
        took: Option<Duration>,
    ) {
        record.finish_streamed(id, took, &self.operation_metrics, &self.log_hash);
    }
}

/// The documents whose hash is enough.
pub(crate) struct KnownDocuments {
    pub(crate) persisted: PersistedQueries,
    pub(crate) trusted: Option<Arc<TrustedDocuments>>,
}

/// What the main address and the metrics address serve.
pub struct Routers {
    /// All routes.
    pub main: Front,
    /// `/metrics` only.
    pub metrics: Router,
}

/// Builds the routers.
#[must_use]
pub fn routers(mut deps: HttpDeps) -> Routers {
    let routes = deps.routes.take();
    let cors = cors(&deps, routes.is_some());
    let http_metrics = HttpMetrics::registered(&mut deps.metrics);
    deps.rate_limiter.register(&mut deps.metrics);
    ops::metrics::register_build_info(&deps.application, &mut deps.metrics);
    let operation_metrics = OperationMetrics::registered(&mut deps.metrics);
    let connections = ConnectionLimiter::registered(&mut deps.metrics);
    let caller_limits = CallerLimiter::default();
    largest_holder::register(caller_limits.clone(), connections.clone(), &mut deps.metrics);
    if let Some(trusted) = &deps.trusted_documents {
        trusted.register(&mut deps.metrics);
    }
    let tiers = deps.options.levels.tiers.clone();
    let admission = Admission::registered(&mut deps.metrics, deps.options.limits.timeout, tiers);
    let metrics = ops::metrics::router(Arc::new(std::mem::take(&mut deps.metrics)));
    let metrics_on_main = if deps.options.serves_metrics { metrics.clone() } else { Router::new() };
    let concurrency = ConcurrencyLimiter::new(deps.options.limits.concurrent);
    let known = KnownDocuments {
        persisted: PersistedQueries::new(deps.options.persists_queries, deps.redis.take()),
        trusted: deps.trusted_documents.take(),
    };
    let cache_hints = CacheHints::of(&deps.application);
    let vary = middleware::vary(deps.authenticator.api_key_header());
    let shared = Arc::new(HttpState {
        documents: Arc::clone(&deps.documents),
        known,
        concurrency,
        admission,
        bodies: BodyLimiter::of_requests(),
        message_bodies: BodyLimiter::of_messages(),
        connections,
        caller_limits,
        metrics: http_metrics,
        operation_metrics,
        log_hash: LogHash::new(deps.options.log_id_key.expose_secret().as_bytes()),
        deps,
        cache_hints,
        vary,
    });
    let router = own_routes().with_state(Arc::clone(&shared)).merge(metrics_on_main);
    let router = match routes {
        Some(routes) => {
            let state = Arc::clone(&shared);
            let layer = axum::middleware::from_fn_with_state(state, routes::authenticate);
            router.merge(routes.route_layer(layer))
        }
        None => router,
    };
    Routers { main: Front::new(shared, cors, router), metrics }
}

/// The routes of the server itself, besides GraphQL.
fn own_routes() -> Router<Arc<HttpState>> {
    Router::new()
        .route("/graphql/ws", any(streaming::websocket::route))
        .merge(schema_routes())
        .route("/graphiql/{asset}", get(pages::graphiql::asset))
        .route("/dev/personas", get(pages::graphiql::personas))
        .route("/dev/explain", post(pages::explain::explain))
        .route("/doctor", get(pages::doctor::page).post(pages::doctor::explain))
        .route("/health", get(ops::health::liveness))
        .route("/ready", get(ops::health::readiness))
        .route("/revocations", post(ops::revocation_webhook::revoke))
        .route("/identities/link", post(ops::revocation_webhook::link))
        .fallback(middleware::not_found)
}

/// The schema, and its forms by their names: tools take a URL for a file of SDL if it ends in `.graphql`.
fn schema_routes() -> Router<Arc<HttpState>> {
    let sdl = || compressed(get(pages::graphiql::sdl));
    Router::new()
        .route("/schema.graphql", sdl())
        .route("/schema.none.graphql", sdl())
        .route("/schema.semantic.graphql", sdl())
        .route("/schema.strict.graphql", sdl())
}

/// A route whose responses are compressed.
fn compressed(route: MethodRouter<Arc<HttpState>>) -> MethodRouter<Arc<HttpState>> {
    route.layer(axum::middleware::from_fn(compression::layer))
}

/// CORS layer: known origins, with credentials. Other origins get no CORS headers. GraphQL uses GET and POST; routes of
/// the application use any method. Without ALLOWED_HEADERS, requests may have any headers: the origin is known, and tools
/// add headers of their own for traces and versions.
fn cors(deps: &HttpDeps, has_routes: bool) -> Option<CorsLayer> {
    let authenticator = Arc::clone(&deps.authenticator);
    if !authenticator.has_known_origins() {
        return None;
    }
    let allowed = match &deps.options.allowed_headers {
        Some(headers) => AllowHeaders::list(headers.iter().cloned().chain([EXPECTED_USER])),
        None => AllowHeaders::mirror_request(),
    };
    let is_known = move |origin: &HeaderValue, _: &Parts| authenticator.is_known_origin(origin);
    let mut methods = vec![Method::GET, Method::POST];
    if has_routes {
        methods.extend([Method::PUT, Method::PATCH, Method::DELETE]);
    }
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(is_known))
            .allow_credentials(true)
            .allow_methods(methods)
            .allow_headers(allowed)
            .expose_headers([
                middleware::REQUEST_ID,
                RETRY_AFTER,
                WWW_AUTHENTICATE,
                budget::RATE_LIMIT,
                budget::RATE_LIMIT_POLICY,
            ])
            .max_age(PREFLIGHT_TTL),
    )
}

/// How long browsers keep the result of a preflight: the longest that all of them allow.
const PREFLIGHT_TTL: Duration = Duration::from_secs(2 * 60 * 60);
