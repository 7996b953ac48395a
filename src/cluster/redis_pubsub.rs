//! What nodes tell each other, through Redis: that there is something to read in the database that they
//! share, at most with its id. What it is, each reads there, so nothing that passes here has to be believed.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Client, RedisError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

/// How long Redis may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait before listening again, where that broke off.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// The other nodes.
pub struct RedisPubSub {
    client: Client,
    speaking: Mutex<Option<MultiplexedConnection>>,
}

impl RedisPubSub {
    /// The nodes that share the Redis server at `url`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When the address is none.
    pub fn connect_lazily(url: &SecretString) -> Result<Self, RedisError> {
        let client = Client::open(url.expose_secret())?;
        Ok(Self { client, speaking: Mutex::new(None) })
    }

    /// Tells every node on `topic`, with this `message`. Whether that could be done: who misses it finds
    /// out a little later.
    pub async fn tell(&self, topic: &'static str, message: &str) -> bool {
        let told = tokio::time::timeout(TIMEOUT * 2, self.publish(topic, message)).await;
        let told = matches!(told, Ok(Ok(())));
        if !told {
            tracing::warn!(topic, "REDIS_URL does not answer: other nodes hear of this later");
        }
        told
    }

    /// Whether the Redis server answers; else why not.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), String> {
        let answered = tokio::time::timeout(TIMEOUT, async {
            let mut connection = self.client.get_multiplexed_async_connection().await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        });
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.category().to_owned()),
            Err(_) => Err("it took too long".to_owned()),
        }
    }

    async fn publish(&self, topic: &str, message: &str) -> Result<(), RedisError> {
        let mut speaking = self.speaking.lock().await;
        if let Some(connection) = speaking.as_mut()
            && connection.publish::<_, _, ()>(topic, message).await.is_ok()
        {
            return Ok(());
        }
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        connection.publish::<_, _, ()>(topic, message).await?;
        *speaking = Some(connection);
        Ok(())
    }

    /// Calls `heard` with each message on `topic`; with none where there may have been some, which is
    /// at first and after each interruption. Goes on for ever.
    pub async fn listen(&self, topic: &'static str, heard: impl Fn(Option<&str>)) {
        loop {
            if let Err(error) = self.subscribe_once(topic, &heard).await {
                let reason = error.category();
                tracing::warn!(topic, reason, "REDIS_URL does not answer: listening again soon");
            }
            tokio::time::sleep(RECONNECT_DELAY).await;
        }
    }

    async fn subscribe_once(
        &self,
        topic: &str,
        heard: &impl Fn(Option<&str>),
    ) -> Result<(), RedisError> {
        let mut connection = self.client.get_async_pubsub().await?;
        connection.subscribe(topic).await?;
        heard(None);
        let mut messages = connection.on_message();
        while let Some(message) = messages.next().await {
            heard(Some(&message.get_payload::<String>().unwrap_or_default()));
        }
        Ok(())
    }
}
