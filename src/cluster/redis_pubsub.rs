//! Redis pub/sub client. Messages notify other nodes of changes in the shared database, with ids at most. Nodes read
//! the content from the database, so messages need not be trusted.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Client, RedisError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

/// How long Redis may take to respond.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait before subscribing again after a failure.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Publishes to, and subscribes to, the other nodes.
pub struct RedisPubSub {
    client: Client,
    publisher: Mutex<Option<MultiplexedConnection>>,
}

impl RedisPubSub {
    /// A client of the Redis server at `url`, which connects on first use.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn connect_lazily(url: &SecretString) -> Result<Self, RedisError> {
        let client = Client::open(url.expose_secret())?;
        Ok(Self { client, publisher: Mutex::new(None) })
    }

    /// Publishes `message` on `topic`; returns whether that succeeded. Nodes that miss a message find the change when
    /// they poll the database.
    pub async fn publish(&self, topic: &'static str, message: &str) -> bool {
        let published = tokio::time::timeout(TIMEOUT * 2, self.try_publish(topic, message)).await;
        let published = matches!(published, Ok(Ok(())));
        if !published {
            tracing::warn!(
                topic,
                "REDIS_URL is unavailable: other nodes receive this change with a delay"
            );
        }
        published
    }

    /// Checks that the Redis server responds.
    ///
    /// # Errors
    /// With the reason, if it does not.
    pub async fn ping(&self) -> Result<(), String> {
        let response = tokio::time::timeout(TIMEOUT, async {
            let mut connection = self.client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        });
        match response.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.category().to_owned()),
            Err(_) => Err("it took too long".to_owned()),
        }
    }

    async fn try_publish(&self, topic: &str, message: &str) -> Result<(), RedisError> {
        let mut publisher = self.publisher.lock().await;
        if let Some(connection) = publisher.as_mut()
            && connection.publish::<_, _, ()>(topic, message).await.is_ok()
        {
            return Ok(());
        }
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        connection.publish::<_, _, ()>(topic, message).await?;
        *publisher = Some(connection);
        Ok(())
    }

    /// Calls `on_message` with each message on `topic`, and with `None` when messages may have been missed: at the
    /// start and after each interruption. Never returns.
    pub async fn subscribe(&self, topic: &'static str, on_message: impl Fn(Option<&str>)) {
        loop {
            if let Err(error) = self.subscribe_once(topic, &on_message).await {
                let reason = error.category();
                tracing::warn!(topic, reason, "REDIS_URL is unavailable: subscribing again");
            }
            tokio::time::sleep(RECONNECT_DELAY).await;
        }
    }

    async fn subscribe_once(
        &self,
        topic: &str,
        on_message: &impl Fn(Option<&str>),
    ) -> Result<(), RedisError> {
        let mut connection = self.client.get_async_pubsub().await?;
        connection.subscribe(topic).await?;
        on_message(None);
        let mut messages = connection.on_message();
        while let Some(message) = messages.next().await {
            on_message(Some(&message.get_payload::<String>().unwrap_or_default()));
        }
        Ok(())
    }
}
