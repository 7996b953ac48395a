//! HTTP: the only module with handlers.
//!
//! `server` accepts the connection, `middleware` gives the request an id and sets response headers, and
//! `graphql::handler` responds: `graphql::authenticate` resolves the caller, `limits` checks the document, and
//! `graphql::execute` runs the operation. WebSockets and server-sent events are in `streaming`.

pub(crate) mod client_ip;
pub(crate) mod graphql;
pub(crate) mod limits;
pub(crate) mod middleware;
pub(crate) mod ops;
pub(crate) mod pages;
mod server;
pub(crate) mod streaming;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::ExecutableDocument;
use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::routing::{any, get, post};
use futures_util::future::BoxFuture;
use hallpass_entity::Client;
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;

use crate::audit::Audit;
use crate::cluster::revocation_sync::RevocationService;
use crate::config::{Limits, Origin};
use crate::identity::{Authenticator, Caller, CredentialLocation, Reauthentication, network};
use crate::schema::Seen;

pub use limits::weights::{FIELDS as FIELD_WEIGHTS, LISTS as LIST_LENGTHS};
pub use pages::graphiql::PersonaCard;
pub use server::{ServeOptions, raise_file_limit, serve};

use limits::concurrency::ConcurrencyLimiter;
use limits::document_cache::DocumentCache;
use ops::metrics::HttpMetrics;
use streaming::{CallerLimiter, ConnectionLimiter};

/// The caller who asks for a document to be run.
pub struct RequestCaller {
    /// The caller; none when no user is signed in.
    pub caller: Option<Arc<Caller>>,
    /// How the auth server confirms them anew.
    pub confirmation: Option<Reauthentication>,
    /// The id of the request.
    pub request_id: String,
    /// The end user's address.
    pub address: IpAddr,
}

impl RequestCaller {
    /// Whose share of connections and of operations the request counts in.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.caller {
            Some(caller) => Client::Caller(caller.id().as_str().into()),
            None => Client::Anonymous(network(self.address)),
        }
    }
}

/// The schema as a caller sees it.
pub type SchemaFor = dyn Fn(Option<&Caller>) -> Arc<Seen> + Send + Sync;
/// Gives a request what its resolvers need to know of the caller.
pub type BuildRequest =
    dyn Fn(async_graphql::Request, RequestCaller) -> async_graphql::Request + Send + Sync;
/// Puts on the record what a document asked for that its caller does not see, in the request of this id and
/// address; later, so that its answer does not come later than one about what is not there at all.
pub type AuditHiddenFields =
    dyn Fn(Arc<ExecutableDocument>, Option<Arc<Caller>>, String, IpAddr) + Send + Sync;
/// Names what is not ready.
pub type Readiness = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;
/// The personas of development, with fresh tokens.
pub type Personas = dyn Fn() -> Vec<PersonaCard> + Send + Sync;
/// What is wrong with the set-up and with a credential that was pasted, as `hallpass doctor --json`
/// says it.
pub type RunDoctor = dyn Fn(Option<(CredentialLocation, String)>) -> BoxFuture<'static, serde_json::Value>
    + Send
    + Sync;

/// What the handlers need, put together by `app`.
pub struct HttpDeps {
    /// The schema as a caller sees it.
    pub see: Box<SchemaFor>,
    /// Whether clients may ask for the schema.
    pub introspection: bool,
    /// Decides who is asking.
    pub authenticator: Arc<Authenticator>,
    /// Gives a request what its resolvers need to know of its caller.
    pub prepare: Box<BuildRequest>,
    /// Puts on the record what a document asked for that its caller does not see.
    pub note_hidden: Box<AuditHiddenFields>,
    /// Takes in which credentials failed.
    pub audit: Arc<Audit>,
    /// Names what is not ready.
    pub readiness: Box<Readiness>,
    /// The personas, in development.
    pub personas: Option<Box<Personas>>,
    /// The doctor, in development.
    pub doctor: Option<Box<RunDoctor>>,
    /// What a request may cost.
    pub limits: Limits,
    /// Pages of these origins may call with cookies.
    pub allowed_origins: Vec<Origin>,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a socket is kept that runs no operation.
    pub keep_alive: Duration,
    /// Cancelled once the server is told to stop: then it is not ready any more.
    pub draining: CancellationToken,
    /// Takes revocations in, where the auth server pushes them.
    pub revocations: Option<Arc<RevocationService>>,
    /// What is counted.
    pub metrics: Registry,
    /// Whether the main address serves metrics too.
    pub serves_metrics: bool,
}

pub(crate) struct HttpState {
    parts: HttpDeps,
    documents: DocumentCache,
    concurrency: ConcurrencyLimiter,
    seats: ConnectionLimiter,
    quotas: CallerLimiter,
    meter: HttpMetrics,
}

/// The routes of the main address, and of the one for metrics.
pub struct Routers {
    /// Everything.
    pub main: Router,
    /// Metrics alone.
    pub metrics: Router,
}

/// The routes.
#[must_use]
pub fn routers(mut parts: HttpDeps) -> Routers {
    let cors = cors(&parts.allowed_origins, parts.authenticator.api_key_header());
    let meter = HttpMetrics::registered(&mut parts.metrics);
    let seats = ConnectionLimiter::registered(&mut parts.metrics);
    let metrics = ops::metrics::router(Arc::new(std::mem::take(&mut parts.metrics)));
    let beside = if parts.serves_metrics { metrics.clone() } else { Router::new() };
    let documents = DocumentCache::new(parts.limits, parts.introspection);
    let concurrency = ConcurrencyLimiter::new(parts.limits.concurrent);
    let quotas = CallerLimiter::default();
    let shared = Arc::new(HttpState { parts, documents, concurrency, seats, quotas, meter });
    let router = Router::new()
        .route("/graphql", any(graphql::handler::graphql))
        .route("/graphql/ws", any(streaming::websocket::open))
        .route("/schema.graphql", get(pages::graphiql::sdl))
        .route("/graphiql/{asset}", get(pages::graphiql::asset))
        .route("/dev/personas", get(pages::graphiql::personas))
        .route("/doctor", get(pages::doctor::page).post(pages::doctor::explain))
        .route("/health", get(ops::health::liveness))
        .route("/ready", get(ops::health::readiness))
        .route("/revocations", post(ops::revocation_webhook::take))
        .route("/identities/link", post(ops::revocation_webhook::link))
        .fallback(middleware::not_found)
        .with_state(Arc::clone(&shared))
        .merge(beside);
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let main =
        router.layer(axum::middleware::from_fn_with_state(shared, middleware::request_middleware));
    Routers { main, metrics }
}

/// Exact origins with credentials; no other origin is granted anything.
fn cors(origins: &[Origin], api_key: &HeaderName) -> Option<CorsLayer> {
    let exact: Vec<_> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(&origin.0).ok()).collect();
    if exact.is_empty() {
        return None;
    }
    let asked = [
        "idempotency-key",
        "graphql-require-preflight",
        "apollo-require-preflight",
        "x-apollo-operation-name",
    ];
    let headers = [AUTHORIZATION, CONTENT_TYPE, api_key.clone()]
        .into_iter()
        .chain(asked.map(HeaderName::from_static));
    Some(
        CorsLayer::new()
            .allow_origin(exact)
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(headers.collect::<Vec<_>>())
            .expose_headers([middleware::REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE])
            .max_age(Duration::from_secs(600)),
    )
}
