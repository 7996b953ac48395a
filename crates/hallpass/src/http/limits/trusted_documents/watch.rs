//! Reads the file again when it changes, and on SIGHUP.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::TrustedDocuments;

/// Interval of checks for a change. Also where notifications do not work: network file systems, and mounted
/// configuration whose link is replaced.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is waited for. Created before the file is read, so that neither a change nor a signal is missed.
pub(super) struct Watcher {
    hangup: Option<Signal>,
    version: Version,
}

impl Watcher {
    pub(super) fn of(file: &Path) -> Self {
        Self { hangup: hangup_signal(), version: version_of(file) }
    }
}

/// What changes with the contents of a file.
type Version = Option<(SystemTime, u64)>;

fn version_of(file: &Path) -> Version {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl TrustedDocuments {
    /// Watches the file, until the future is dropped.
    pub(crate) async fn watch(self: &Arc<Self>) {
        let mut watcher = self.watcher.lock().await;
        loop {
            let is_forced = next_check(&mut watcher.hangup).await;
            let current = version_of(&self.settings.file);
            if current == watcher.version && !is_forced {
                continue;
            }
            watcher.version = current;
            let documents = Arc::clone(self);
            // Parsing and validation of many documents take long.
            let reload = tokio::task::spawn_blocking(move || documents.reload());
            if reload.await.is_err() {
                self.metrics.read(false);
                tracing::error!("TRUSTED_DOCUMENTS: reading the changed file panicked");
            }
        }
    }
}

fn hangup_signal() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "failed to listen to SIGHUP"))
        .ok()
}

/// Waits for the next check; whether the signal arrived.
async fn next_check(hangup: &mut Option<Signal>) -> bool {
    let signalled = async {
        match hangup {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signalled => true,
        () = tokio::time::sleep(INTERVAL) => false,
    }
}
