//! Message bus over Redis pub/sub.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use prometheus_client::registry::Registry;
use redis::aio::{MultiplexedConnection, PubSubStream};
use redis::{Client, Msg, RedisError, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};

use super::bus::{Bus, Delivery};
use super::bus_status::BusStatus;

/// How long Redis may take to respond.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait before subscribing again after a failure.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// A bus of the Redis server of REDIS_URL.
pub struct RedisPubSub {
    client: Client,
    // Not a `ConnectionManager`: if connecting fails other than by I/O, such as at AUTH, it returns that error for ever.
    publisher: Mutex<Option<MultiplexedConnection>>,
    status: Arc<BusStatus>,
}

impl RedisPubSub {
    /// A client of the Redis server at `url`, which connects on first use.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn connect_lazily(url: &SecretString) -> RedisResult<Self> {
        let client = Client::open(url.expose_secret())?;
        Ok(Self { client, publisher: Mutex::default(), status: Arc::default() })
    }

    /// Registers the metric.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.status.register(registry);
    }

    async fn try_publish(&self, topic: &str, messages: &[String]) -> RedisResult<()> {
        let mut publish = redis::pipe();
        for message in messages {
            publish.publish(topic, message).ignore();
        }
        let publisher = || self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        let open = publisher().clone();
        if let Some(mut connection) = open
            && publish.exec_async(&mut connection).await.is_ok()
        {
            return Ok(());
        }
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        publish.exec_async(&mut connection).await?;
        *publisher() = Some(connection);
        Ok(())
    }
}

impl Bus for RedisPubSub {
    fn publish<'a>(&'a self, topic: &'static str, messages: &'a [String]) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let published = tokio::time::timeout(TIMEOUT * 2, self.try_publish(topic, messages));
            let published = matches!(published.await, Ok(Ok(())));
            if !published {
                tracing::warn!(
                    topic,
                    "REDIS_URL is unavailable: other nodes receive this change with a delay"
                );
            }
            published
        })
    }

    fn subscribe(&self, topic: &'static str) -> BoxStream<'static, Delivery> {
        let (client, status) = (self.client.clone(), Arc::clone(&self.status));
        let subscriptions = stream::iter(0_u64..).filter_map(move |attempt| {
            let (client, status) = (client.clone(), Arc::clone(&status));
            async move {
                status.disconnected(topic);
                if attempt > 0 {
                    tokio::time::sleep(RECONNECT_DELAY).await;
                }
                let log = |error: &RedisError| {
                    let reason = error.category();
                    tracing::warn!(topic, reason, "REDIS_URL is unavailable: subscribing again");
                };
                let messages = try_subscribe(&client, topic).await.inspect_err(log).ok()?;
                status.connected(topic);
                if attempt > 0 {
                    tracing::info!(topic, "REDIS_URL is available again: subscribed");
                }
                Some(messages)
            }
        });
        let deliveries = subscriptions.flat_map(|messages| {
            let text = |message: Msg| message.get_payload().unwrap_or_default();
            stream::iter([Delivery::Gap]).chain(messages.map(text).map(Delivery::Message))
        });
        deliveries.boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let response = async {
                let mut connection = self.client.get_multiplexed_async_connection().await?;
                redis::cmd("PING").query_async::<()>(&mut connection).await
            };
            match tokio::time::timeout(TIMEOUT, response).await {
                Ok(response) => response.map_err(|error| error.category().to_owned()),
                Err(_) => Err("it took too long".to_owned()),
            }
        })
    }
}

async fn try_subscribe(client: &Client, topic: &str) -> RedisResult<PubSubStream> {
    let mut connection = client.get_async_pubsub().await?;
    connection.subscribe(topic).await?;
    Ok(connection.into_on_message())
}
