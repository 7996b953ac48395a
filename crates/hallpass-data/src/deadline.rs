//! Statement timeout of SQLite, which has no setting for it: interrupts a statement from its progress handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;

/// Instructions of SQLite's virtual machine between two calls of the handler: a few hundred microseconds.
const INSTRUCTIONS: i32 = 10_000;
/// No statement runs.
const NEVER: u64 = u64::MAX;

/// The deadline of the statement that runs on one connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Deadline(Arc<State>);

struct State {
    timeout: Duration,
    since: Instant,
    /// In microseconds after `since`.
    ends: AtomicU64,
}

impl Deadline {
    /// Installs the handler on `connection`, in place of an earlier one.
    pub(crate) async fn install(
        connection: &mut SqliteConnection,
        timeout: Duration,
    ) -> Result<Self, sqlx::Error> {
        let state = State { timeout, since: Instant::now(), ends: AtomicU64::new(NEVER) };
        let deadline = Self(Arc::new(state));
        let state = Arc::clone(&deadline.0);
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(INSTRUCTIONS, move || {
            let ends = state.ends.load(Ordering::Relaxed);
            ends == NEVER || micros(state.since.elapsed()) < ends
        });
        Ok(deadline)
    }

    /// A statement begins.
    pub(crate) fn start(&self) {
        let ends = self.0.since.elapsed().saturating_add(self.0.timeout);
        self.0.ends.store(micros(ends), Ordering::Relaxed);
    }

    /// No statement runs any more.
    pub(crate) fn clear(&self) {
        self.0.ends.store(NEVER, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(NEVER - 1)
}
