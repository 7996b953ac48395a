//! Revocation service: receives revocations, stores them, and synchronizes them between nodes.
//!
//! A node that hears a message applies it at once. The others read it in the database: at once where
//! Redis tells them, else within `POLL`. A node that starts reads them all.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use chrono::TimeDelta;
use hallpass_entity::{Database, Error, Handover, Timestamp, UserId, now, revocation};
use tokio::sync::Notify;

use super::redis_pubsub::RedisPubSub;
use crate::events::{Change, Event, Events, Row};
use crate::identity::{
    Envelope, Link, Message, REVOCATIONS_KEPT, Revocation, RevocationSet, Target, UserState,
    Webhook, WebhookError,
};

/// How often the database is read for what other nodes heard, where no message tells it.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How far back it is read again: clocks differ between nodes, and transactions end out of order.
const CLOCK_OVERLAP: TimeDelta = TimeDelta::seconds(60);
/// How often what has no effect any more is forgotten.
const PRUNE_INTERVAL: TimeDelta = TimeDelta::hours(1);
/// Where nodes tell each other.
const TOPIC: &str = "hallpass:revocations";

/// Takes revocations in and passes them on.
pub struct RevocationService {
    webhook: Webhook,
    held: Arc<RevocationSet>,
    database: Database,
    nodes: Option<RedisPubSub>,
    events: Events,
    news: Notify,
}

/// Why a message was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// It is not one of the auth server's.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// It was taken in before.
    #[error("this message was received before")]
    Replayed,
    /// It could not be kept: it holds here, and the auth server is to send it again.
    #[error("it could not be kept: send it again")]
    NotKept(#[from] Error),
    /// The server stops: it holds here, and the auth server is to send it again.
    #[error("the server stops: send it again")]
    Interrupted,
}

/// What was handed over.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The guest.
    pub from: UserId,
    /// Whose the rows are now.
    pub to: UserId,
    /// How many.
    pub rows: u64,
}

impl RevocationService {
    /// A desk that reads messages with `webhook` and keeps what they say in `database`. Of rows that change
    /// hands it tells through `events`.
    #[must_use]
    pub fn new(
        webhook: Webhook,
        held: Arc<RevocationSet>,
        database: Database,
        nodes: Option<RedisPubSub>,
        events: Events,
    ) -> Self {
        Self { webhook, held, database, nodes, events, news: Notify::new() }
    }

    /// What the `headers` of a message say.
    ///
    /// # Errors
    /// When they are malformed, or the message is too old or from the future.
    pub fn read_headers<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Envelope<'a>, RevocationError> {
        Ok(self.webhook.read_headers(headers)?)
    }

    /// Takes in the message in this `envelope` with this `body`.
    ///
    /// # Errors
    /// When it is not the auth server's, was taken in before, or could not be kept.
    pub async fn receive(
        self: &Arc<Self>,
        envelope: &Envelope<'_>,
        body: &[u8],
    ) -> Result<(), RevocationError> {
        let message = self.webhook.read(envelope, body)?;
        let row = row(&message);
        // At once, whatever the database does; and however long that takes, the sender need not
        // wait.
        self.held.apply(message.revocation);
        let desk = Arc::clone(self);
        let kept = tokio::spawn(async move { desk.store(row).await });
        kept.await.unwrap_or(Err(RevocationError::Interrupted))
    }

    /// Hands over what a guest owns to the account that they signed in to, as the message in this `envelope`
    /// with this `body` says.
    ///
    /// # Errors
    /// When it is not the auth server's, was taken in before, or the database did not answer: then nothing
    /// changed hands.
    pub async fn link(
        self: &Arc<Self>,
        envelope: &Envelope<'_>,
        body: &[u8],
    ) -> Result<Linked, RevocationError> {
        let Link { message, at, from, to } = self.webhook.read_link(envelope, body)?;
        let (session_id, user_id, state) = (None, None, None);
        let (revoked_at, heard_at) = (at, now());
        let message =
            revocation::Model { id: message, session_id, user_id, state, revoked_at, heard_at };
        let desk = Arc::clone(self);
        // To its end, whether or not the sender waits.
        let linked = tokio::spawn(async move {
            let moved = desk.system().hand_over(&from, &to, message).await?;
            let Handover { tables, tasks } = moved.ok_or(RevocationError::Replayed)?;
            desk.database.recount(&to);
            for task in tasks {
                desk.events.publish(&to, Event { change: Change::Created, row: Row::Task(task) });
            }
            let rows = tables.iter().map(|table| table.rows).sum();
            Ok::<_, RevocationError>(Linked { from, to, rows })
        });
        linked.await.unwrap_or(Err(RevocationError::Interrupted))
    }

    async fn store(&self, row: revocation::Model) -> Result<(), RevocationError> {
        if !self.system().insert_revocation(row).await? {
            return Err(RevocationError::Replayed);
        }
        if let Some(nodes) = &self.nodes {
            nodes.tell(TOPIC, "").await;
        }
        Ok(())
    }

    /// Keeps up with what other nodes hear from now on, for ever.
    pub async fn run(&self) {
        tokio::join!(self.listen(), self.poll());
    }

    /// Reads once what any node heard.
    ///
    /// # Errors
    /// When the database cannot tell.
    pub async fn load_all(&self) -> Result<(), Error> {
        self.load_since(now() - kept(), &mut HashSet::new()).await
    }

    async fn listen(&self) {
        if let Some(nodes) = &self.nodes {
            nodes.listen(TOPIC, |_| self.news.notify_one()).await;
        }
    }

    async fn poll(&self) {
        let mut read_until = now() - CLOCK_OVERLAP;
        let mut pruned_at = now();
        let mut seen = HashSet::new();
        loop {
            let began = now();
            match self.load_since(read_until, &mut seen).await {
                Ok(()) => read_until = began - CLOCK_OVERLAP,
                Err(error) => tracing::warn!(%error, "revocations could not be read: trying again"),
            }
            if now() - pruned_at > PRUNE_INTERVAL {
                self.prune().await;
                pruned_at = now();
            }
            // Whichever comes first: that there is news, or the time to look for it.
            let _ = tokio::time::timeout(POLL_INTERVAL, self.news.notified()).await;
        }
    }

    async fn load_since(&self, moment: Timestamp, seen: &mut HashSet<String>) -> Result<(), Error> {
        let rows = self.system().revocations_since(moment).await?;
        let ids = rows.iter().map(|row| row.id.clone()).collect();
        for row in rows {
            if !seen.contains(&row.id)
                && let Some(revocation) = revocation(row)
            {
                self.held.apply(revocation);
            }
        }
        *seen = ids;
        Ok(())
    }

    async fn prune(&self) {
        self.held.prune();
        if let Err(error) = self.system().delete_revocations_before(now() - kept()).await {
            tracing::warn!(%error, "old revocations could not be forgotten");
        }
    }

    fn system(&self) -> hallpass_entity::System<'_> {
        self.database.system("revocations are the server's own")
    }
}

fn kept() -> TimeDelta {
    TimeDelta::from_std(REVOCATIONS_KEPT).unwrap_or(TimeDelta::MAX)
}

/// What the column `state` of a user begins with, before the organization that they left or joined.
const LEFT: &str = "left:";
const JOINED: &str = "joined:";
/// What the column `state` begins with, before the organization that was deleted.
const DELETED: &str = "deleted:";
/// What the column `state` of a session holds that goes on and says something else.
const CHANGED: &str = "changed";

fn row(message: &Message) -> revocation::Model {
    let (session_id, user_id, state) = match message.revocation.target.clone() {
        Target::Session(id) => (Some(id), None, None),
        Target::Changed(id) => (Some(id), None, Some(CHANGED.to_owned())),
        Target::User(id) => (None, Some(id), None),
        Target::UserIn(id, state) => (None, Some(id), Some(state.to_text())),
        Target::Member(user, organization, is_member) => {
            let kind = if is_member { JOINED } else { LEFT };
            (None, Some(user), Some(format!("{kind}{organization}")))
        }
        Target::Organization(id) => (None, None, Some(format!("{DELETED}{id}"))),
    };
    revocation::Model {
        id: message.id.clone(),
        session_id,
        user_id,
        state,
        revoked_at: message.revocation.at,
        heard_at: now(),
    }
}

/// A state that cannot be read spares nothing.
fn revocation(row: revocation::Model) -> Option<Revocation> {
    let target = match (row.session_id, row.user_id, row.state.as_deref()) {
        (Some(id), _, Some(CHANGED)) => Target::Changed(id),
        (Some(id), _, _) => Target::Session(id),
        (None, Some(id), Some(state)) if state.starts_with(LEFT) => {
            Target::Member(id, state[LEFT.len()..].to_owned(), false)
        }
        (None, Some(id), Some(state)) if state.starts_with(JOINED) => {
            Target::Member(id, state[JOINED.len()..].to_owned(), true)
        }
        (None, Some(id), state) => match state.and_then(UserState::from_text) {
            Some(state) => Target::UserIn(id, state),
            None => Target::User(id),
        },
        (None, None, state) => Target::Organization(state?.strip_prefix(DELETED)?.to_owned()),
    };
    Some(Revocation { target, at: row.revoked_at })
}
