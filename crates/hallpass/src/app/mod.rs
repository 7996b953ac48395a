//! Composition root: builds the components from the configuration, and runs the server.

pub(crate) mod backend;
mod doctor;
mod documents;
mod error;
pub(crate) mod migrations;
mod nodes;
mod readiness;

use std::sync::Arc;
use std::time::Duration;

use hallpass_data::{Database, Options, Pooler, Reason, Synchronous, now};
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::{self, ActivityWriter};
use crate::application::{Application, ServerHandle};
use crate::audit::{self, Writer};
use crate::bypass;
use crate::cluster::bus::Bus;
use crate::cluster::key_set_store::DatabaseKeys;
use crate::cluster::redis_store::RedisStore;
use crate::cluster::revocation_sync::RevocationService;
use crate::cluster::shared_budgets::SharedBudgets;
use crate::config::{Config, DatabasePooler, Environment, RowSecurity, SqliteSynchronous};
use crate::core_schema::CoreServices;
use crate::events::Events;
use crate::graphql::{IDEMPOTENCY_KEY_RETENTION, Services};
use crate::http::{
    self, HttpDeps, HttpOptions, Listener, RateLimiter, Routers, ServeOptions, TrustedDocuments,
};
use crate::row_security::RowSecurityError;
use crate::telemetry;
use hallpass_identity::{
    Authentication, Authenticator, Caller, DevTokenIssuer, IssuerError, Levels, Persona, Webhook,
};

pub use backend::policy;
pub use doctor::doctor;
pub(crate) use documents::document_cache;
pub use error::StartError;
pub use migrations::{migrate, migrate_down, migrate_up, open_for_migration};

use backend::{AppBackend, Development, Shared};
use doctor::{build_doctor, database_status};
use documents::Documents;
use migrations::load_demo;
pub(crate) use migrations::load_demo_content;
use nodes::{Cluster, NodeBus};

/// A server that is ready to serve.
pub struct App {
    server: ServerHandle,
    routers: Routers,
    database: Database,
    cluster: Cluster,
    activity_writer: ActivityWriter,
    audit_writer: Writer,
    connections: ConnectionOptions,
    trusted_documents: Option<Arc<TrustedDocuments>>,
    /// Cancelled when the server begins to stop.
    draining: CancellationToken,
    /// Tasks that run after responses.
    background_tasks: TaskTracker,
}

/// How connections are served.
struct ConnectionOptions {
    keep_alive: Duration,
    /// How long connections are still accepted after a signal to stop.
    drain_delay: Duration,
    trusted_proxies: Vec<IpNet>,
}

impl ConnectionOptions {
    fn of(config: &Config) -> Self {
        let trusted_proxies = config.trusted_proxies.clone();
        Self { keep_alive: config.keep_alive, drain_delay: config.drain_delay, trusted_proxies }
    }
}

/// The listeners of the server.
pub struct Listeners {
    /// The main address.
    pub main: Listener,
    /// The metrics address, if separate.
    pub metrics: Option<Listener>,
}

/// Opens the database of `config`. Calls `observe` with each executed statement.
///
/// # Errors
/// If the database is unavailable.
pub async fn open(
    application: &Application,
    config: &Config,
    observe: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Database, StartError> {
    let options = Options {
        statement_timeout: Some(config.limits.timeout),
        connections: config.database_connections,
        pooler: pooler(config),
        row_security: config.row_security == RowSecurity::On,
        synchronous: match config.sqlite_synchronous {
            SqliteSynchronous::Full => Synchronous::Full,
            SqliteSynchronous::Normal => Synchronous::Normal,
        },
        rows_per_owner: config.rows_per_owner.0,
        owned_tables: application.owned_tables(),
        shared_cache_ttl: config.shared_cache_ttl,
        ..Options::at(config.database_url.expose_secret())
    };
    match Database::connect_observed(options, observe).await {
        Ok(database) => Ok(database),
        Err(error) => Err(open_error(config, error).await),
    }
}

fn pooler(config: &Config) -> Pooler {
    match config.database_pooler {
        DatabasePooler::Session => Pooler::Session,
        DatabasePooler::Transaction => Pooler::Transaction,
    }
}

async fn open_error(config: &Config, error: hallpass_data::Error) -> StartError {
    if error.reason() == Some(Reason::SharedSessions) {
        return StartError::Pooler;
    }
    StartError::Unopened(hallpass_data::explain(config.database_url.expose_secret(), &error).await)
}

async fn check_row_security(config: &Config, database: &Database) -> Result<(), StartError> {
    match database.check_row_security().await? {
        Some(problem) => Err(RowSecurityError::new(problem, &config.program).into()),
        None => Ok(()),
    }
}

/// The token issuer of development mode.
fn development_issuer(config: &Config) -> Result<Option<DevTokenIssuer>, StartError> {
    match config.environment {
        Environment::Development => {
            Ok(Some(DevTokenIssuer::load_or_create(&config.development_key)?))
        }
        Environment::Production => Ok(None),
    }
}

/// The authenticator, with the key sets that were stored.
async fn authenticator(
    config: &Config,
    database: &Database,
    issuer: Option<&DevTokenIssuer>,
) -> Result<Arc<Authenticator>, StartError> {
    let mut identity = config.identity.clone();
    identity.trace_parent = Some(telemetry::trace_parent);
    let authenticator = Authenticator::new(&identity, &config.allowed_origins, issuer)?;
    let authenticator = match config.environment {
        Environment::Development => authenticator.with_loopback_origins(),
        Environment::Production => authenticator,
    };
    authenticator.store_keys_in(Arc::new(DatabaseKeys::new(database.clone()))).await;
    Ok(Arc::new(authenticator))
}

/// What only development mode has, with its demo data.
async fn development(
    application: &Application,
    config: &Config,
    issuer: Option<DevTokenIssuer>,
    authenticator: &Arc<Authenticator>,
    database: &Database,
    bus: &NodeBus,
) -> Result<Option<Development>, StartError> {
    let Some(issuer) = issuer else { return Ok(None) };
    load_demo(application, config, database, &issuer, authenticator).await?;
    let storage = database_status(config, database.clone(), application.migrator());
    let doctor = build_doctor(config, Arc::clone(authenticator), storage, bus)?;
    Ok(Some(Development { issuer, personas: config.identity.personas, doctor }))
}

impl App {
    /// Builds a server on `database`, whose migrations are applied, and runs the start-up tasks of the application.
    ///
    /// # Errors
    /// If a component cannot be built, or a task fails.
    pub async fn build(
        application: &Arc<Application>,
        config: &Config,
        database: Database,
    ) -> Result<Self, StartError> {
        let routes = application.routes()?;
        check_row_security(config, &database).await?;
        let issuer = development_issuer(config)?;
        let authenticator = authenticator(config, &database, issuer.as_ref()).await?;
        let mut metrics = registry(config, &authenticator, &database);
        let (activity, activity_writer) = activity::open(database.clone(), &mut metrics);
        let (events, redis) = (Events::default(), redis_store(config)?);
        let bus = NodeBus::open(config, &database).await?;
        bus.register(&mut metrics);
        if let Some(redis) = &redis {
            redis.register(&mut metrics);
        }
        let revocations =
            revocations(config, &authenticator, &database, &events, bus.get()).await?;
        let development =
            development(application, config, issuer, &authenticator, &database, &bus).await?;
        let options = http_options(config, development.is_some());
        let documents = Documents::open(application, config, &options.levels)?;
        let trusted_documents = documents.trusted.clone();
        let cluster =
            Cluster::new(revocations.clone(), bus.get(), redis.clone(), &database, &events);
        let (audit, audit_writer) =
            audit::open(database.clone(), config.audit_retention, &mut metrics);
        let (background_tasks, draining) = (TaskTracker::new(), CancellationToken::new());
        let server = server_handle(application, config, &database, &events, &draining);
        let users = Arc::clone(authenticator.users());
        let (settings, denial) = (config.own.clone(), config.ownership_denial);
        let services = Arc::new(Services { events, settings, denial });
        let core = Arc::new(CoreServices { users, audit: Arc::clone(&audit) });
        let (shared, tasks) = (Shared { services, core, activity }, background_tasks.clone());
        let backend = AppBackend::new(application, config, &database, shared, tasks, development);
        let deps = HttpDeps {
            options,
            documents: documents.cache,
            trusted_documents: documents.trusted,
            backend: Arc::new(backend),
            routes: routes.map(|routes| routes.with_state(server.clone())),
            application: Arc::clone(application),
            audit,
            authenticator,
            rate_limiter: rate_limiter(config, redis.clone()),
            redis,
            draining: draining.clone(),
            revocations,
            metrics,
        };
        let routers = http::routers(deps);
        application.start(&server).await.map_err(StartError::Task)?;
        Ok(Self {
            server,
            routers,
            database,
            cluster,
            activity_writer,
            audit_writer,
            connections: ConnectionOptions::of(config),
            trusted_documents,
            draining,
            background_tasks,
        })
    }

    /// Serves on `listeners` until `stop`. Then `/ready` returns 503, connections are still accepted for the drain
    /// delay, running requests complete, the shutdown tasks of the application run, and the database is closed.
    ///
    /// # Errors
    /// If the database cannot be closed.
    pub async fn serve(
        self,
        listeners: Listeners,
        stop: CancellationToken,
    ) -> Result<(), StartError> {
        let closing = CancellationToken::new();
        let drain = async {
            stop.cancelled().await;
            self.draining.cancel();
            tokio::time::sleep(self.connections.drain_delay).await;
            closing.cancel();
        };
        let options = ServeOptions {
            keep_alive: self.connections.keep_alive,
            trusted_proxies: self.connections.trusted_proxies,
            draining: self.draining.clone(),
            stop: closing.clone(),
        };
        // Cancelled after the last request, so that its audit events are written, and its events are sent to other nodes.
        let served = CancellationToken::new();
        let main = async {
            http::serve(listeners.main, self.routers.main, options.clone()).await;
            self.background_tasks.close();
            self.background_tasks.wait().await;
            served.cancel();
        };
        let metrics = async {
            if let Some(listener) = listeners.metrics {
                http::serve(listener, self.routers.metrics, options.clone()).await;
            }
        };
        let activity_writer = self.activity_writer.run_until(served.clone());
        let prune = stop.run_until_cancelled(prune(&self.database));
        let session_watch = closing.run_until_cancelled(self.database.watch_sessions());
        let audit_writer = self.audit_writer.run_until(served.clone());
        let cluster = self.cluster.run_until(served.clone());
        let documents = stop.run_until_cancelled(watch(self.trusted_documents.as_ref()));
        tokio::join!(
            drain,
            main,
            metrics,
            cluster,
            documents,
            activity_writer,
            prune,
            session_watch,
            audit_writer
        );
        self.server.application.shut_down(&self.server).await;
        Ok(self.database.close().await?)
    }
}

/// The metrics of authentication and of the database.
fn registry(config: &Config, authenticator: &Arc<Authenticator>, database: &Database) -> Registry {
    let mut metrics = Registry::default();
    authenticator.register(&mut metrics);
    database.register(config.database_connections, &mut metrics);
    metrics
}

fn server_handle(
    application: &Arc<Application>,
    config: &Config,
    database: &Database,
    events: &Events,
    draining: &CancellationToken,
) -> ServerHandle {
    ServerHandle {
        application: Arc::clone(application),
        settings: config.own.clone(),
        database: database.clone(),
        events: events.clone(),
        draining: draining.clone(),
    }
}

fn http_options(config: &Config, is_development: bool) -> HttpOptions {
    HttpOptions {
        is_development,
        introspection: config.introspection,
        levels: Arc::new(levels(config)),
        limits: config.limits,
        persists_queries: config.persists_queries,
        allowed_headers: config.allowed_headers.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        keep_alive: config.keep_alive,
        log_id_key: config.log_id_key.clone(),
        serves_metrics: config.metrics_address.is_none(),
    }
}

/// Reads the trusted documents again when their file changes.
async fn watch(documents: Option<&Arc<TrustedDocuments>>) {
    if let Some(documents) = documents {
        documents.watch().await;
    }
}

/// What tiers and roles imply.
fn levels(config: &Config) -> Levels {
    let (tiers, role_inherits) = (&config.identity.tiers, &config.identity.role_inherits);
    Levels { tiers: tiers.clone(), role_inherits: role_inherits.clone() }
}

/// Interval of deleting expired rows.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Delay of the first run, so that it does not compete with the first requests.
const PRUNE_DELAY: Duration = Duration::from_secs(60);

/// Deletes expired idempotency keys, every hour.
async fn prune(database: &Database) {
    let mut hours = interval_at(Instant::now() + PRUNE_DELAY, PRUNE_INTERVAL);
    loop {
        hours.tick().await;
        let system = database.system(bypass::IDEMPOTENCY.reason());
        let oldest = now() - IDEMPOTENCY_KEY_RETENTION;
        if let Err(error) = system.delete_idempotency_keys_before(oldest).await {
            tracing::warn!(%error, "failed to delete expired idempotency keys: retrying in an hour");
        }
    }
}

/// What the nodes store in Redis, if REDIS_URL is set.
fn redis_store(config: &Config) -> Result<Option<Arc<RedisStore>>, StartError> {
    let Some(url) = &config.redis_url else { return Ok(None) };
    Ok(Some(Arc::new(RedisStore::connect_lazily(url)?)))
}

fn rate_limiter(config: &Config, redis: Option<Arc<RedisStore>>) -> RateLimiter {
    RateLimiter::new(config.rate_limits.clone(), redis.map(SharedBudgets::new))
}

/// The revocation service, if REVOCATION_SECRET is set, with the revocations that arrived while this server was
/// down.
async fn revocations(
    config: &Config,
    authenticator: &Authenticator,
    database: &Database,
    events: &Events,
    bus: Option<Arc<dyn Bus>>,
) -> Result<Option<Arc<RevocationService>>, StartError> {
    if config.identity.revocation_secrets.is_empty() {
        return Ok(None);
    }
    let revocations = Arc::clone(authenticator.revocations());
    let webhook = Webhook::new(&config.identity);
    let service =
        RevocationService::new(webhook, revocations, database.clone(), bus, events.clone());
    service.load_all().await?;
    Ok(Some(Arc::new(service)))
}

/// An authenticator as a server of `config` has it, which creates no key file.
///
/// # Errors
/// If a component cannot be built.
pub fn build_authenticator(config: &Config) -> Result<Authenticator, StartError> {
    let issuer = match config.environment {
        Environment::Development if config.development_key.exists() => {
            Some(DevTokenIssuer::load_or_create(&config.development_key)?)
        }
        Environment::Development => Some(DevTokenIssuer::in_memory()?),
        Environment::Production => None,
    };
    Ok(Authenticator::new(&config.identity, &config.allowed_origins, issuer.as_ref())?)
}

/// Authenticates the tokens of all `personas`, in the same way as any request.
///
/// # Errors
/// If a token cannot be signed.
pub async fn persona_callers(
    personas: &'static [Persona],
    issuer: &DevTokenIssuer,
    authenticator: &Authenticator,
) -> Result<Vec<(&'static Persona, Option<Arc<Caller>>)>, IssuerError> {
    let mut callers = Vec::new();
    for persona in personas {
        let caller = match issuer.token(persona)? {
            None => None,
            Some(token) => match authenticator.authenticate_bearer(&token).await {
                Authentication::Caller(caller) => Some(caller),
                Authentication::Anonymous
                | Authentication::Rejected(_)
                | Authentication::CrossSite(_)
                | Authentication::Unavailable(_) => return Err(IssuerError::Signature),
            },
        };
        callers.push((persona, caller));
    }
    Ok(callers)
}
