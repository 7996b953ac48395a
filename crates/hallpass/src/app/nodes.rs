//! The other nodes: the message bus to them, and the tasks that share state with them.

use std::sync::Arc;
use std::time::Duration;

use hallpass_data::{Database, Pooler};
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::cluster::bus::Bus;
use crate::cluster::event_bridge::EventBridge;
use crate::cluster::postgres_notify::PostgresNotify;
use crate::cluster::redis_pubsub::RedisPubSub;
use crate::cluster::redis_store::RedisStore;
use crate::cluster::revocation_sync::RevocationService;
use crate::cluster::shared_rows::SharedRowsSync;
use crate::config::Config;
use crate::doctor::{NodeMessages, PingFn};
use crate::events::Events;

/// How long the start waits for the connection that listens.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a node that stops sends its last messages.
const MAX_SEND_TIME: Duration = Duration::from_secs(5);

/// The message bus between the nodes.
pub(super) enum NodeBus {
    /// Through Redis: REDIS_URL is set.
    Redis(Arc<RedisPubSub>),
    /// Through PostgreSQL.
    Postgres(Arc<PostgresNotify>),
    /// None: behind a transaction pooler, no connection listens.
    Pooled,
    /// None: an SQLite database has one node.
    Local,
}

impl NodeBus {
    /// Connects it, before the first subscriber arrives, which would have to read again otherwise.
    pub(super) async fn open(config: &Config, database: &Database) -> Result<Self, StartError> {
        let bus = Self::new(config, database)?;
        bus.start().await;
        Ok(bus)
    }

    /// The bus, not yet connected.
    pub(super) fn new(config: &Config, database: &Database) -> Result<Self, StartError> {
        if let Some(redis) = Self::redis(config)? {
            return Ok(redis);
        }
        let direct_url = config.database_direct_url.as_ref().map(|url| url.expose_secret());
        let notifications = database.notifications(direct_url);
        Ok(match (notifications.map_err(|_| StartError::DirectUrl)?, database.pooler()) {
            (Some(notifications), _) => {
                Self::Postgres(Arc::new(PostgresNotify::connect_lazily(notifications)))
            }
            (None, Some(Pooler::Transaction)) => Self::Pooled,
            (None, _) => Self::Local,
        })
    }

    /// The bus of REDIS_URL, if it is set.
    pub(super) fn redis(config: &Config) -> Result<Option<Self>, StartError> {
        let Some(url) = &config.redis_url else { return Ok(None) };
        Ok(Some(Self::Redis(Arc::new(RedisPubSub::connect_lazily(url)?))))
    }

    /// Registers its metric.
    pub(super) fn register(&self, registry: &mut Registry) {
        match self {
            Self::Redis(bus) => bus.register(registry),
            Self::Postgres(bus) => bus.register(registry),
            Self::Pooled | Self::Local => {}
        }
    }

    async fn start(&self) {
        match self {
            Self::Postgres(bus) => bus.wait_until_connected(CONNECT_TIMEOUT).await,
            Self::Pooled => tracing::warn!(
                "DATABASE_POOLER is transaction, and LISTEN needs a session: subscribers miss the events of other \
                 nodes. With several nodes, set DATABASE_DIRECT_URL or REDIS_URL"
            ),
            Self::Redis(_) | Self::Local => {}
        }
    }

    pub(super) fn get(&self) -> Option<Arc<dyn Bus>> {
        match self {
            Self::Redis(bus) => Some(Arc::clone(bus) as Arc<dyn Bus>),
            Self::Postgres(bus) => Some(Arc::clone(bus) as Arc<dyn Bus>),
            Self::Pooled | Self::Local => None,
        }
    }

    /// For the doctor.
    pub(super) fn messages(&self) -> NodeMessages {
        match self {
            Self::Redis(bus) => NodeMessages::Redis(ping(Arc::clone(bus) as Arc<dyn Bus>)),
            Self::Postgres(bus) => NodeMessages::Postgres(ping(Arc::clone(bus) as Arc<dyn Bus>)),
            Self::Pooled => NodeMessages::Pooled,
            Self::Local => NodeMessages::Local,
        }
    }
}

fn ping(bus: Arc<dyn Bus>) -> Box<PingFn> {
    Box::new(move || {
        let bus = Arc::clone(&bus);
        Box::pin(async move { bus.ping().await })
    })
}

/// The tasks that share state with the other nodes.
pub(super) struct Cluster {
    revocations: Option<Arc<RevocationService>>,
    event_bridge: Option<EventBridge>,
    shared_rows: Option<SharedRowsSync>,
    redis: Option<Arc<RedisStore>>,
}

impl Cluster {
    pub(super) fn new(
        revocations: Option<Arc<RevocationService>>,
        bus: Option<Arc<dyn Bus>>,
        redis: Option<Arc<RedisStore>>,
        database: &Database,
        events: &Events,
    ) -> Self {
        let shared_rows = bus.clone().map(|bus| SharedRowsSync::new(database.clone(), bus));
        let event_bridge = bus.map(|bus| EventBridge::new(events.clone(), bus));
        Self { revocations, event_bridge, shared_rows, redis }
    }

    /// Runs until `stop` is cancelled. What this node has published before is sent, unless that takes too long.
    pub(super) async fn run_until(&self, stop: CancellationToken) {
        let revocations = async {
            if let Some(service) = &self.revocations {
                stop.run_until_cancelled(service.run()).await;
            }
        };
        let events = async {
            if let Some(bridge) = &self.event_bridge {
                bridge.run_until(&stop).await;
            }
        };
        let shared_rows = async {
            if let Some(sync) = &self.shared_rows {
                sync.run_until(&stop).await;
            }
        };
        let redis = async {
            if let Some(redis) = &self.redis {
                stop.run_until_cancelled(redis.keep_checking()).await;
            }
        };
        let all = async { tokio::join!(revocations, events, shared_rows, redis) };
        let too_long = async {
            stop.cancelled().await;
            tokio::time::sleep(MAX_SEND_TIME).await;
        };
        tokio::select! {
            _ = all => {}
            () = too_long => tracing::warn!("other nodes receive the last changes with a delay"),
        }
    }
}
