//! Last-seen recorder: writes known users and recent sessions, asynchronously and in batches.
//!
//! Requests enqueue a record; a background task writes the records in batches. Each node records each user and
//! session at most once per `REWRITE_INTERVAL`. Records are dropped and counted when the queue is full or the
//! database is unavailable: the next record has the same content.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hallpass_data::{
    Database, Error, KnownUserId, SearchText, System, UserId, known_user, now, seen_session,
};
use moka::sync::Cache;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use crate::batch_writer::{BatchStore, BatchWriter, ItemCounter, Outcome};
use crate::bypass;
use hallpass_identity::{Caller, CallerKind};

/// A session is active if it was used within this time.
pub const ACTIVE_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Minimum interval between two records of a user or session.
const REWRITE_INTERVAL: Duration = Duration::from_secs(60);
/// Users, and sessions, cached as recorded. Beyond, some are recorded more often.
const CACHE_CAPACITY: u64 = 100_000;
/// Capacity of the queue. Further records are dropped.
const QUEUE_CAPACITY: usize = 4096;
/// Maximum records per batch.
const BATCH_SIZE: usize = 200;
/// Stored length of a text, in characters. Longer texts are truncated.
const MAX_TEXT_LENGTH: usize = 320;

/// Records the activity of callers.
#[derive(Clone)]
pub struct ActivityTracker {
    users: Cache<UserId, ()>,
    sessions: Cache<String, ()>,
    queue: mpsc::Sender<Record>,
    records: ItemCounter,
}

/// Background writer of activity records.
pub type ActivityWriter = BatchWriter<ActivityStore>;

/// Known users and recent sessions in the database.
pub struct ActivityStore {
    queue: mpsc::Receiver<Record>,
    database: Database,
    records: ItemCounter,
}

/// One activity record.
#[derive(Clone)]
pub enum Record {
    /// A user, and whether the credential has a tier claim.
    User(known_user::Model, bool),
    /// A session.
    Session(seen_session::Model),
}

/// Creates a tracker, and the writer of its records into `database`.
#[must_use]
pub fn open(database: Database, metrics: &mut Registry) -> (ActivityTracker, ActivityWriter) {
    let counter =
        ("hallpass_last_seen_writes", "Last-seen records of users and sessions, by outcome");
    let records = ItemCounter::registered(metrics, counter, "outcome", &["written", "dropped"]);
    let (sender, queue) = mpsc::channel(QUEUE_CAPACITY);
    let tracker = ActivityTracker {
        users: recorded_cache(),
        sessions: recorded_cache(),
        queue: sender,
        records: records.clone(),
    };
    (tracker, BatchWriter::new(ActivityStore { queue, database, records }))
}

fn recorded_cache<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, ()> {
    Cache::builder().max_capacity(CACHE_CAPACITY).time_to_live(REWRITE_INTERVAL).build()
}

impl ActivityTracker {
    /// Records the activity of `caller`. Ignores services, and administrators who impersonate a user.
    pub fn record(&self, caller: &Caller) {
        if caller.kind() != CallerKind::User || caller.impersonated_by().is_some() {
            return;
        }
        if self.users.entry_by_ref(caller.id()).or_insert(()).is_fresh() {
            self.enqueue(Record::User(to_known_user(caller), caller.has_tier_claim()));
        }
        if let Some(id) = caller.session_id()
            && self.sessions.entry_by_ref(id).or_insert(()).is_fresh()
        {
            self.enqueue(Record::Session(to_seen_session(caller, id)));
        }
    }

    fn enqueue(&self, record: Record) {
        if self.queue.try_send(record).is_err() {
            self.records.add("dropped", 1);
        }
    }
}

fn to_known_user(caller: &Caller) -> known_user::Model {
    let seen_at = now();
    known_user::Model {
        id: KnownUserId::generate(),
        user_id: caller.id().clone(),
        user_id_search: SearchText::default(),
        email: caller.email().map(sanitize_text),
        email_search: SearchText::default(),
        name: caller.name().map(sanitize_text),
        name_search: SearchText::default(),
        tier: sanitize_text(caller.tier()),
        first_seen: seen_at,
        last_seen: seen_at,
    }
}

/// The session, by a hash of its ID: the stored value is not a credential.
fn to_seen_session(caller: &Caller, id: &str) -> seen_session::Model {
    let hash = digest::digest(&digest::SHA256, id.as_bytes());
    seen_session::Model {
        id: URL_SAFE_NO_PAD.encode(hash),
        user_id: caller.id().clone(),
        last_seen: now(),
    }
}

/// Truncates a text and removes NUL, which PostgreSQL cannot store: one invalid text would fail the whole batch.
fn sanitize_text(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(MAX_TEXT_LENGTH).collect()
}

impl BatchStore for ActivityStore {
    type Item = Record;
    // Not retried: the next record has the same content.
    const RETRY_TIMEOUT: Duration = Duration::ZERO;
    const PRUNE_INTERVAL: Duration = Duration::from_secs(15 * 60);

    async fn recv(&mut self) -> Option<Vec<Record>> {
        let mut batch = Vec::new();
        (self.queue.recv_many(&mut batch, BATCH_SIZE).await > 0).then_some(batch)
    }

    fn close(&mut self) {
        self.queue.close();
    }

    /// Deduplicates the records and writes them in one order on all nodes, so that concurrent writers do not deadlock.
    async fn write(&self, records: Vec<Record>) -> Result<(), Error> {
        let (mut users, mut users_without_tier, mut sessions) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for record in records {
            match record {
                Record::User(user, has_tier) => {
                    let users = if has_tier { &mut users } else { &mut users_without_tier };
                    users.insert(user.user_id.clone(), user);
                }
                Record::Session(session) => {
                    sessions.insert(session.id.clone(), session);
                }
            }
        }
        let system = self.system();
        for (users, has_tier) in [(users, true), (users_without_tier, false)] {
            if !users.is_empty() {
                system.upsert_known_users(users.into_values().collect(), has_tier).await?;
            }
        }
        if !sessions.is_empty() {
            system.upsert_seen_sessions(sessions.into_values().collect()).await?;
        }
        Ok(())
    }

    async fn prune(&self) -> bool {
        if let Err(error) = self.system().delete_sessions_before(now() - ACTIVE_WINDOW).await {
            tracing::warn!(%error, "failed to delete old sessions");
        }
        false
    }

    fn count(&self, outcome: Outcome<'_>, records: usize) {
        match outcome {
            Outcome::Written => self.records.add("written", records),
            Outcome::Failed(error) => {
                tracing::warn!(%error, "failed to write last-seen records");
                self.records.add("dropped", records);
            }
            Outcome::Stopped => self.records.add("dropped", records),
        }
    }
}

impl ActivityStore {
    fn system(&self) -> System<'_> {
        self.database.system(bypass::ACTIVITY.reason())
    }
}
