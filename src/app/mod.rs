//! Builds the parts once and joins them. The only file that knows every room.

mod doctor;
pub(crate) mod migrations;
pub(crate) mod request_context;

use std::sync::Arc;
use std::time::Duration;

use hallpass_entity::{Database, Options, Pooler, Reason, Synchronous, now};
use ipnet::IpNet;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity;
use crate::activity::ActivityWriter;
use crate::audit::{self, Writer};
use crate::cluster::event_bridge::EventBridge;
use crate::cluster::key_set_store::DatabaseKeys;
use crate::cluster::redis_pubsub::RedisPubSub;
use crate::cluster::revocation_sync::RevocationService;
use crate::config::{
    Config, ConfigError, DatabasePooler, Environment, RowSecurity, SqliteSynchronous,
};
use crate::domains::courses;
use crate::events::Events;
use crate::graphql::IDEMPOTENCY_KEYS_KEPT;
use crate::http::{self, HttpDeps, PersonaCard, Routers, ServeOptions};
use crate::identity::{
    Authentication, Authenticator, Caller, DevTokenIssuer, IssuerError, PERSONAS, Persona, Webhook,
};
use crate::row_security::RowSecurityError;
use crate::schema::Schemas;

pub use doctor::doctor;
pub use migrations::{migrate, migrate_down, migrate_up, open_for_migration};
pub use request_context::policy;

use doctor::{build_doctor, database_status, doctor_runner};
use migrations::load_demo;
use request_context::{Services, build_request, hidden_field_auditor, schema_for};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database is away or refuses.
    #[error("DATABASE_URL does not lead to a usable database: {0}")]
    Database(#[from] hallpass_entity::Error),
    /// The database cannot be opened.
    #[error("DATABASE_URL does not lead to a usable database: {0}")]
    Unopened(String),
    /// Sessions are shared on the way to the database.
    #[error(
        "DATABASE_URL leads to a pooler that shares sessions between clients, where statements of one \
         would run in place of another's: set DATABASE_POOLER=transaction, or connect to PostgreSQL \
         itself, or to a pooler in session mode"
    )]
    Pooler,
    /// A migration did not run.
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] hallpass_migration::Error),
    /// Another server changes the tables, and does not end.
    #[error(
        "another server changes the tables of DATABASE_URL and did not end within {0} s: wait for it, or \
         stop it"
    )]
    Occupied(u64),
    /// The database would not keep rows apart, as it was asked to.
    #[error(transparent)]
    RowSecurity(#[from] RowSecurityError),
    /// There is no development issuer.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The demo could not be loaded.
    #[error("the demo courses could not be loaded: {0}")]
    Demo(#[from] courses::DemoError),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// The address of the Redis server is none.
    #[error("REDIS_URL is no address of a Redis server ({0}): write redis://HOST:PORT")]
    Redis(#[from] redis::RedisError),
    /// The address cannot be served on.
    #[error(
        "{address} cannot be served on ({source}): is another server running there? Change {setting}"
    )]
    Listen {
        /// The settings that name it.
        setting: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// A server, ready to serve.
pub struct App {
    routers: Routers,
    database: Database,
    revocations: Option<Arc<RevocationService>>,
    register: ActivityWriter,
    relay: Option<EventBridge>,
    writer: Writer,
    keep_alive: Duration,
    drain_delay: Duration,
    trusted_proxies: Vec<IpNet>,
    /// Cancelled once the server is told to stop.
    draining: CancellationToken,
    /// What is done once a request is answered.
    aftermath: TaskTracker,
}

/// Where the server listens.
pub struct Listeners {
    /// For everything.
    pub main: TcpListener,
    /// For metrics, where they have an address of their own.
    pub metrics: Option<TcpListener>,
}

/// Opens the database of `config`, calling `observe` with each statement that ran.
///
/// # Errors
/// When it is away.
pub async fn open(
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
        ..Options::at(config.database_url.expose_secret())
    };
    match Database::connect_observed(options, observe).await {
        Ok(database) => Ok(database),
        Err(error) => Err(not_opened(config, error).await),
    }
}

fn pooler(config: &Config) -> Pooler {
    match config.database_pooler {
        DatabasePooler::Session => Pooler::Session,
        DatabasePooler::Transaction => Pooler::Transaction,
    }
}

async fn not_opened(config: &Config, error: hallpass_entity::Error) -> StartError {
    if error.reason() == Some(Reason::SharedSessions) {
        return StartError::Pooler;
    }
    StartError::Unopened(
        hallpass_entity::explain(config.database_url.expose_secret(), &error).await,
    )
}

impl App {
    /// Joins the parts of a server over `database`, whose tables are up to date.
    ///
    /// # Errors
    /// When a part cannot be built.
    pub async fn build(config: &Config, database: Database) -> Result<Self, StartError> {
        if let Some(gap) = database.check_row_security().await? {
            return Err(RowSecurityError::from(gap).into());
        }
        let issuer = match config.environment {
            Environment::Development => {
                Some(DevTokenIssuer::load_or_create(&config.development_key)?)
            }
            Environment::Production => None,
        };
        let authenticator =
            Authenticator::new(&config.identity, &config.allowed_origins, issuer.as_ref())?;
        let authenticator = Arc::new(authenticator);
        authenticator.store_keys_in(Arc::new(DatabaseKeys::new(database.clone()))).await;
        let mut metrics = Registry::default();
        authenticator.register(&mut metrics);
        let (attendance, register) = activity::open(database.clone(), &mut metrics);
        let events = Events::default();
        let desk = revocations(config, &authenticator, &database, &events)?;
        let revocations = desk.map(Arc::new);
        if let Some(desk) = &revocations {
            // Before a caller is let in by what was taken back while this server was away.
            desk.load_all().await?;
        }
        if let Some(issuer) = &issuer {
            load_demo(&database, issuer, &authenticator).await?;
        }
        let doctor = match config.environment {
            Environment::Development => {
                let storage = database_status(database.clone());
                Some(doctor_runner(build_doctor(config, Arc::clone(&authenticator), storage)?))
            }
            Environment::Production => None,
        };
        let nodes = config.redis_url.as_ref().map(RedisPubSub::connect_lazily).transpose()?;
        let relay = nodes.map(|nodes| EventBridge::new(events.clone(), nodes));
        let (audit, writer) = audit::open(database.clone(), config.audit_retention, &mut metrics);
        let schemas = Schemas::new(config.introspection);
        let users = Arc::clone(authenticator.users());
        let aftermath = TaskTracker::new();
        let draining = CancellationToken::new();
        let parts = HttpDeps {
            introspection: config.introspection,
            see: schema_for(policy(config), schemas),
            prepare: build_request(
                config,
                Services {
                    database: database.clone(),
                    users,
                    audit: Arc::clone(&audit),
                    attendance,
                    events,
                },
            ),
            note_hidden: hidden_field_auditor(
                policy(config),
                Arc::clone(&audit),
                aftermath.clone(),
            ),
            audit,
            authenticator,
            readiness: readiness(database.for_readiness()),
            personas: issuer.map(personas),
            doctor,
            limits: config.limits,
            allowed_origins: config.allowed_origins.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            keep_alive: config.keep_alive,
            draining: draining.clone(),
            revocations: revocations.clone(),
            metrics,
            serves_metrics: config.metrics_address.is_none(),
        };
        let routers = http::routers(parts);
        Ok(Self {
            routers,
            database,
            revocations,
            register,
            relay,
            writer,
            keep_alive: config.keep_alive,
            drain_delay: config.drain_delay,
            trusted_proxies: config.trusted_proxies.clone(),
            draining,
            aftermath,
        })
    }

    /// Serves on `listeners` until `stop`; then it is not ready, but still accepts connections for the
    /// drain delay, lets the requests under way finish, and closes the database.
    ///
    /// # Errors
    /// When the database could not be closed.
    pub async fn serve(
        self,
        listeners: Listeners,
        stop: CancellationToken,
    ) -> Result<(), StartError> {
        let closing = CancellationToken::new();
        let drain = async {
            stop.cancelled().await;
            self.draining.cancel();
            tokio::time::sleep(self.drain_delay).await;
            closing.cancel();
        };
        let background = async {
            if let Some(desk) = &self.revocations {
                closing.run_until_cancelled(desk.run()).await;
            }
        };
        let relay = async {
            if let Some(relay) = &self.relay {
                closing.run_until_cancelled(relay.run()).await;
            }
        };
        let options = ServeOptions {
            keep_alive: self.keep_alive,
            trusted_proxies: self.trusted_proxies,
            draining: self.draining.clone(),
            stop: closing.clone(),
        };
        // What the last request did goes on the record too.
        let served = CancellationToken::new();
        let main = async {
            http::serve(listeners.main, self.routers.main, options.clone()).await;
            self.aftermath.close();
            self.aftermath.wait().await;
            served.cancel();
        };
        let metrics = async {
            if let Some(listener) = listeners.metrics {
                http::serve(listener, self.routers.metrics, options.clone()).await;
            }
        };
        let register = self.register.run_until(served.clone());
        let tidy = stop.run_until_cancelled(prune(&self.database));
        let writer = self.writer.run_until(served.clone());
        tokio::join!(drain, main, metrics, background, register, relay, tidy, writer);
        Ok(self.database.close().await?)
    }
}

/// How often what is kept for a time only is looked through.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long after the start that is done first: the first requests have precedence.
const FIRST_PRUNE: Duration = Duration::from_secs(60);

/// Deletes idempotency keys that are too old to count.
async fn prune(database: &Database) {
    let mut hours = interval_at(Instant::now() + FIRST_PRUNE, PRUNE_INTERVAL);
    loop {
        hours.tick().await;
        let system =
            database.system("old idempotency keys are everyone's, and of no use to anyone");
        let oldest = now() - IDEMPOTENCY_KEYS_KEPT;
        if let Err(error) = system.delete_idempotency_keys_before(oldest).await {
            tracing::warn!(%error, "old idempotency keys could not be deleted: trying again in an hour");
        }
    }
}

/// The desk for revocations, where the auth server pushes them.
fn revocations(
    config: &Config,
    authenticator: &Authenticator,
    database: &Database,
    events: &Events,
) -> Result<Option<RevocationService>, StartError> {
    if config.identity.revocation_secrets.is_empty() {
        return Ok(None);
    }
    let nodes = config.redis_url.as_ref().map(RedisPubSub::connect_lazily).transpose()?;
    let held = Arc::clone(authenticator.revocations());
    let webhook = Webhook::new(&config.identity);
    Ok(Some(RevocationService::new(webhook, held, database.clone(), nodes, events.clone())))
}

fn readiness(database: Database) -> Box<http::Readiness> {
    Box::new(move || {
        let database = database.clone();
        Box::pin(async move {
            let away = |error: hallpass_entity::Error| match error.reason() {
                Some(reason) => format!("database: {reason}"),
                None => "database".to_owned(),
            };
            database.ping().await.map_err(away)?;
            let writable = database.check_writable().await;
            writable.map_err(|reason| format!("database: {reason}"))?;
            let system = database.system("readiness asks which migrations are applied");
            let status = system.read(async |conn| hallpass_migration::status(conn).await).await;
            match status {
                Ok(status) if status.iter().all(|(_, applied)| *applied) => {}
                _ => return Err("migrations".to_owned()),
            }
            match database.check_row_security().await {
                Ok(None) => Ok(()),
                _ => Err("row security".to_owned()),
            }
        })
    })
}

/// Recognizes callers as a server of `config` would, and makes no key.
///
/// # Errors
/// When a part cannot be built.
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

fn personas(issuer: DevTokenIssuer) -> Box<http::Personas> {
    Box::new(move || {
        let card = |persona: Persona| {
            let token = issuer.token(persona).ok()?;
            Some(PersonaCard {
                name: persona.name(),
                title: persona.title(),
                about: persona.about(),
                token: token.map(|token| token.expose_secret().to_owned()),
            })
        };
        PERSONAS.into_iter().filter_map(card).collect()
    })
}

/// The callers that the personas' tokens make: recognized like anyone, there is no other way.
///
/// # Errors
/// When a token cannot be signed.
pub async fn persona_callers(
    issuer: &DevTokenIssuer,
    authenticator: &Authenticator,
) -> Result<Vec<(Persona, Option<Arc<Caller>>)>, IssuerError> {
    let mut callers = Vec::new();
    for persona in PERSONAS {
        let caller = match issuer.token(persona)? {
            None => None,
            Some(token) => match authenticator.authenticate_bearer(&token).await {
                Authentication::Caller(caller) => Some(caller),
                Authentication::Anonymous
                | Authentication::Refused(_)
                | Authentication::CrossSite(_)
                | Authentication::Unavailable(_) => return Err(IssuerError::Signature),
            },
        };
        callers.push((persona, caller));
    }
    Ok(callers)
}
