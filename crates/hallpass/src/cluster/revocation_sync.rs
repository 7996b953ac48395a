//! Revocation service: receives revocations from the auth server, stores them, and synchronizes them between nodes.
//!
//! The node that receives a webhook applies it at once. The others read it from the database: at once after a
//! message of the bus, otherwise within `POLL_INTERVAL`. A node reads all revocations at start.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use hallpass_data::{Database, Error, Timestamp, UserId, now, revocation};

use super::bus::{Bus, REVOCATIONS};
use crate::bypass;
use crate::events::{Change, EventKind, Events};
use hallpass_identity::{
    Envelope, Link, Message, REVOCATION_RETENTION, Revocation, RevocationSet, Target, UserState,
    Webhook, WebhookError,
};

/// How often the database is polled for the revocations of other nodes, without a message.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Overlap of two polls: clocks differ between nodes, and transactions commit out of order.
const CLOCK_OVERLAP: TimeDelta = TimeDelta::seconds(60);
/// How often expired revocations are deleted.
const PRUNE_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// Receives, stores and distributes revocations.
pub struct RevocationService {
    webhook: Webhook,
    revocations: Arc<RevocationSet>,
    database: Database,
    bus: Option<Arc<dyn Bus>>,
    events: Events,
}

/// Why a webhook was rejected.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// It is malformed or has no valid signature.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// It was received before.
    #[error("this message was received before")]
    Replayed,
    /// It was applied on this node and could not be stored: the auth server has to retry.
    #[error("it could not be stored: retry")]
    NotKept(#[from] Error),
    /// The server is stopping; it was applied on this node: the auth server has to retry.
    #[error("the server is stopping: retry")]
    Interrupted,
}

/// The rows that were transferred from a guest to an account.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The guest, the previous owner.
    pub from: UserId,
    /// The account, the new owner.
    pub to: UserId,
    /// The number of rows.
    pub rows: u64,
}

impl RevocationService {
    /// A service that verifies messages with `webhook`, stores revocations in `database`, and publishes transferred
    /// rows to `events`.
    #[must_use]
    pub fn new(
        webhook: Webhook,
        revocations: Arc<RevocationSet>,
        database: Database,
        bus: Option<Arc<dyn Bus>>,
        events: Events,
    ) -> Self {
        Self { webhook, revocations, database, bus, events }
    }

    /// Parses the `headers` of a webhook.
    ///
    /// # Errors
    /// If they are malformed, or the timestamp is out of range.
    pub fn read_headers<'a>(
        &self,
        headers: &'a HeaderMap,
    ) -> Result<Envelope<'a>, RevocationError> {
        Ok(self.webhook.read_headers(headers)?)
    }

    /// Verifies, applies and stores the revocation in this `envelope` and `body`.
    ///
    /// # Errors
    /// If its signature is not valid, it was received before, or it could not be stored.
    pub async fn receive(
        self: &Arc<Self>,
        envelope: &Envelope<'_>,
        body: &[u8],
    ) -> Result<(), RevocationError> {
        let message = self.webhook.read(envelope, body)?;
        let row = to_row(&message);
        // Applied at once, even if the database fails. Stored in a task of its own, so that it completes even if the
        // sender disconnects.
        self.revocations.apply(message.revocation);
        let service = Arc::clone(self);
        let stored = tokio::spawn(async move { service.store(row).await });
        stored.await.unwrap_or(Err(RevocationError::Interrupted))
    }

    /// Transfers the rows of a guest to the account that they signed in to, per the message in this `envelope` and
    /// `body`.
    ///
    /// # Errors
    /// If its signature is not valid, it was received before, or the database failed; then nothing is transferred.
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
        let service = Arc::clone(self);
        // In a task of its own, so that it completes even if the sender disconnects.
        let linked = tokio::spawn(async move {
            let moved = service.system().hand_over(&from, &to, message).await?;
            let handover = moved.ok_or(RevocationError::Replayed)?;
            service.database.recount(&to);
            for table in &handover.tables {
                let Some(kind) = table.event_kind.map(EventKind::new) else { continue };
                for id in table.ids.iter().copied() {
                    service.events.publish(&to, kind.event(Change::Created, id));
                }
            }
            let rows = handover.tables.iter().map(|table| table.rows).sum();
            Ok::<_, RevocationError>(Linked { from, to, rows })
        });
        linked.await.unwrap_or(Err(RevocationError::Interrupted))
    }

    async fn store(&self, row: revocation::Model) -> Result<(), RevocationError> {
        if !self.system().insert_revocation(row).await? {
            return Err(RevocationError::Replayed);
        }
        if let Some(bus) = &self.bus {
            bus.publish(REVOCATIONS, &[String::new()]).await;
        }
        Ok(())
    }

    /// Applies all stored revocations.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn load_all(&self) -> Result<(), Error> {
        self.load_since(now() - retention(), &mut HashSet::new()).await
    }

    /// Applies the revocations of other nodes; never returns.
    pub async fn run(&self) {
        let mut changes = match &self.bus {
            Some(bus) => bus.subscribe(REVOCATIONS),
            None => stream::pending().boxed(),
        };
        let mut read_until = now() - CLOCK_OVERLAP;
        let mut pruned_at = now();
        let mut seen = HashSet::new();
        loop {
            let started_at = now();
            match self.load_since(read_until, &mut seen).await {
                Ok(()) => read_until = started_at - CLOCK_OVERLAP,
                Err(error) => tracing::warn!(%error, "failed to read revocations: retrying"),
            }
            if now() - pruned_at > PRUNE_INTERVAL {
                self.prune().await;
                pruned_at = now();
            }
            // Until a message arrives, or messages may have been missed, or the poll interval has passed.
            let _ = tokio::time::timeout(POLL_INTERVAL, changes.next()).await;
            // All messages that have arrived need one read.
            while changes.next().now_or_never().is_some() {}
        }
    }

    async fn load_since(&self, since: Timestamp, seen: &mut HashSet<String>) -> Result<(), Error> {
        let rows = self.system().revocations_since(since).await?;
        let ids = rows.iter().map(|row| row.id.clone()).collect();
        for row in rows {
            if !seen.contains(&row.id)
                && let Some(revocation) = from_row(row)
            {
                self.revocations.apply(revocation);
            }
        }
        *seen = ids;
        Ok(())
    }

    async fn prune(&self) {
        self.revocations.prune();
        if let Err(error) = self.system().delete_revocations_before(now() - retention()).await {
            tracing::warn!(%error, "failed to delete expired revocations");
        }
    }

    fn system(&self) -> hallpass_data::System<'_> {
        self.database.system(bypass::REVOCATIONS.reason())
    }
}

fn retention() -> TimeDelta {
    TimeDelta::from_std(REVOCATION_RETENTION).unwrap_or(TimeDelta::MAX)
}

/// Prefixes of the column `state` of a user, before the organization that they left or joined.
const LEFT: &str = "left:";
const JOINED: &str = "joined:";
/// Prefix of the column `state`, before the organization that was deleted.
const DELETED: &str = "deleted:";
/// The column `state` of a session that is still valid, with changed content.
const CHANGED: &str = "changed";

fn to_row(message: &Message) -> revocation::Model {
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

/// Converts a stored row. A `state` that cannot be parsed revokes the user as a whole.
fn from_row(row: revocation::Model) -> Option<Revocation> {
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
