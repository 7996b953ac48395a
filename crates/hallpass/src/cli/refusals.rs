//! Limits the lines of refused requests: one client can cause any number of them. Each client has its own limit, so that
//! one does not hide the refusals of others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, info};

/// Lines of one client per window.
const MAX_LINES: u64 = 5;
/// Clients that are counted by themselves in a window; further ones have no lines.
const MAX_CLIENTS: usize = 1_000;

/// The refusals of the current window. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<Window>>);

#[derive(Default)]
struct Window {
    lines: HashMap<Client, u64>,
    /// Lines of clients beyond [`MAX_CLIENTS`].
    others: u64,
}

/// Whose request it is, by the hashes in its line: a caller, or else a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    caller: Option<String>,
    client: Option<String>,
}

impl Visit for Client {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "caller" => self.caller = Some(value.to_owned()),
            "client" => self.client = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl Refusals {
    /// Counts a refused request. Whether its line is written.
    pub(super) fn admit(&self, event: &Event<'_>) -> bool {
        let mut client = Client::default();
        event.record(&mut client);
        let mut window = self.window();
        let is_full = window.lines.len() >= MAX_CLIENTS;
        match window.lines.get_mut(&client) {
            Some(lines) => {
                *lines += 1;
                *lines <= MAX_LINES
            }
            None if is_full => {
                window.others += 1;
                false
            }
            None => {
                window.lines.insert(client, 1);
                true
            }
        }
    }

    /// Begins a new window, and logs the number of lines that were suppressed in the last one, by client.
    pub(super) fn report(&self) {
        let Window { lines, others } = std::mem::take(&mut *self.window());
        for (Client { caller, client }, lines) in lines {
            report_suppressed(caller, client, lines.saturating_sub(MAX_LINES));
        }
        report_suppressed(None, None, others);
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report_suppressed(caller: Option<String>, client: Option<String>, suppressed: u64) {
    if suppressed > 0 {
        info!(
            target: "hallpass::request",
            caller, client, suppressed, "lines of refused requests suppressed"
        );
    }
}
