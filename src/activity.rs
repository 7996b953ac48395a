//! Last-seen recorder: writes known users and recent sessions, asynchronously and in batches.
//!
//! A request leaves a note and goes on; the notes are written together, beside it. There is a note of
//! each user and of each session at most once in `EVERY`, by each node. A note that finds no room, or
//! no database, is dropped and counted: the next one says the same.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use hallpass_entity::{
    Database, Error, KnownUserId, SearchText, System, Timestamp, UserId, known_user, now,
    seen_session,
};
use moka::sync::Cache;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::identity::{Caller, CallerKind};

/// How long a session counts as active after it was last used.
pub const ACTIVE_WINDOW: TimeDelta = TimeDelta::minutes(15);

/// How often a user or a session is noted again.
const REWRITE_INTERVAL: Duration = Duration::from_secs(60);
/// How many users, and sessions, are remembered as noted; of more, some are noted more often.
const CACHE_CAPACITY: u64 = 100_000;
/// How many notes wait to be written; more are dropped.
const QUEUE_CAPACITY: usize = 4096;
/// How many are written at once.
const BATCH_SIZE: usize = 200;
/// How much is kept of a text, in characters.
const LONGEST: usize = 320;

/// Takes notes of who comes.
pub struct ActivityTracker {
    users: Cache<UserId, ()>,
    sessions: Cache<String, ()>,
    notes: mpsc::Sender<SeenUser>,
    meter: ActivityMetrics,
}

/// Writes the notes down.
pub struct ActivityWriter {
    notes: mpsc::Receiver<SeenUser>,
    database: Database,
    swept: Timestamp,
    meter: ActivityMetrics,
}

enum SeenUser {
    /// And whether the credential says the tier.
    User(known_user::Model, bool),
    Session(seen_session::Model),
}

/// An attendance whose notes go into `database`, and what writes them there.
#[must_use]
pub fn open(database: Database, metrics: &mut Registry) -> (ActivityTracker, ActivityWriter) {
    let meter = ActivityMetrics::registered(metrics);
    let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
    let attendance = ActivityTracker {
        users: remembering(),
        sessions: remembering(),
        notes: sender,
        meter: meter.clone(),
    };
    (attendance, ActivityWriter { notes: receiver, database, swept: now(), meter })
}

fn remembering<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, ()> {
    Cache::builder().max_capacity(CACHE_CAPACITY).time_to_live(REWRITE_INTERVAL).build()
}

impl ActivityTracker {
    /// Notes that `caller` is here. Machines are no users, and an administrator who acts as a user
    /// is not that user.
    pub fn record(&self, caller: &Caller) {
        if caller.kind() != CallerKind::User || caller.impersonated_by().is_some() {
            return;
        }
        if self.users.entry_by_ref(caller.id()).or_insert(()).is_fresh() {
            self.enqueue(SeenUser::User(to_known_user(caller), caller.has_tier_claim()));
        }
        if let Some(id) = caller.session_id()
            && self.sessions.entry_by_ref(id).or_insert(()).is_fresh()
        {
            self.enqueue(SeenUser::Session(to_seen_session(caller, id)));
        }
    }

    fn enqueue(&self, note: SeenUser) {
        if self.notes.try_send(note).is_err() {
            self.meter.count(Outcome::Dropped, 1);
        }
    }
}

fn to_known_user(caller: &Caller) -> known_user::Model {
    let present = now();
    known_user::Model {
        id: KnownUserId::generate(),
        user_id: caller.id().clone(),
        user_id_search: SearchText::default(),
        email: caller.email().map(storable),
        email_search: SearchText::default(),
        name: caller.name().map(storable),
        name_search: SearchText::default(),
        tier: storable(caller.tier()),
        first_seen: present,
        last_seen: present,
    }
}

/// The session, by a hash of its id: what is kept here opens nothing.
fn to_seen_session(caller: &Caller, id: &str) -> seen_session::Model {
    let hash = digest::digest(&digest::SHA256, id.as_bytes());
    seen_session::Model {
        id: URL_SAFE_NO_PAD.encode(hash),
        user_id: caller.id().clone(),
        last_seen: now(),
    }
}

/// PostgreSQL cannot keep NUL, and one text must not spoil what is written with it.
fn storable(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(LONGEST).collect()
}

impl ActivityWriter {
    /// Writes notes until `stop`, then what is left of them.
    pub async fn run_until(mut self, stop: CancellationToken) {
        let mut notes = Vec::new();
        loop {
            tokio::select! {
                taken = self.notes.recv_many(&mut notes, BATCH_SIZE) => {
                    let written = taken > 0 && self.write(std::mem::take(&mut notes)).await;
                    // A server that stops does not wait for a database that is away.
                    if !written && self.notes.is_closed() {
                        return;
                    }
                }
                () = stop.cancelled(), if !self.notes.is_closed() => self.notes.close(),
            }
        }
    }

    async fn write(&mut self, notes: Vec<SeenUser>) -> bool {
        let count = notes.len() as u64;
        let written = self.try_to_write(notes).await;
        match &written {
            Ok(()) => {
                self.meter.count(Outcome::Written, count);
                self.prune_sessions().await;
            }
            Err(error) => {
                tracing::warn!(%error, "who was here could not be written down");
                self.meter.count(Outcome::Dropped, count);
            }
        }
        written.is_ok()
    }

    /// Each once, and in one order on every node: two that write the same rows do not wait in a circle.
    async fn try_to_write(&self, notes: Vec<SeenUser>) -> Result<(), Error> {
        let (mut users, mut others, mut sessions) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for note in notes {
            match note {
                SeenUser::User(user, states_tier) => {
                    let users = if states_tier { &mut users } else { &mut others };
                    users.insert(user.user_id.clone(), user);
                }
                SeenUser::Session(session) => {
                    sessions.insert(session.id.clone(), session);
                }
            }
        }
        let system = self.system();
        for (users, states_tier) in [(users, true), (others, false)] {
            if !users.is_empty() {
                system.upsert_known_users(users.into_values().collect(), states_tier).await?;
            }
        }
        if !sessions.is_empty() {
            system.upsert_seen_sessions(sessions.into_values().collect()).await?;
        }
        Ok(())
    }

    async fn prune_sessions(&mut self) {
        if now() - self.swept < ACTIVE_WINDOW {
            return;
        }
        self.swept = now();
        if let Err(error) = self.system().delete_sessions_before(self.swept - ACTIVE_WINDOW).await {
            tracing::warn!(%error, "old sessions could not be forgotten");
        }
    }

    fn system(&self) -> System<'_> {
        self.database.system("who was here is the server's own")
    }
}

/// What is counted. No label holds data of a user.
#[derive(Clone)]
struct ActivityMetrics {
    notes: Family<Labels, Counter>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Written,
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl ActivityMetrics {
    fn registered(metrics: &mut Registry) -> Self {
        let notes = Family::<Labels, Counter>::default();
        metrics.register(
            "hallpass_attendance_notes",
            "Notes of users and sessions that were here, by whether they were written down",
            notes.clone(),
        );
        let meter = Self { notes };
        // From the start, so that the first one that is dropped is a change.
        meter.count(Outcome::Written, 0);
        meter.count(Outcome::Dropped, 0);
        meter
    }

    fn count(&self, outcome: Outcome, notes: u64) {
        let outcome = match outcome {
            Outcome::Written => "written",
            Outcome::Dropped => "dropped",
        };
        self.notes.get_or_create(&Labels { outcome }).inc_by(notes);
    }
}
