//! Reads the file again when it changes, and on SIGHUP.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::TrustedDocuments;

/// Interval of checks for a change. Also where notifications do not work: network file systems, and mounted
/// configuration whose link is replaced.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is waited for. Created before the file is read, so that neither a change nor a signal is missed.
pub(super) struct Watcher {
    hangup: Option<Signal>,
    version: Option<Version>,
}

impl Watcher {
    pub(super) fn of(file: &Path) -> Self {
        Self { hangup: hangup_signal(), version: version_of(file) }
    }
}

/// What changes with the contents of a file.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    /// Of another file that is put in its place, which may have the same times and length.
    device_and_inode: (u64, u64),
    /// Unlike the time of the last modification, tools do not set it.
    changed: (i64, i64),
    modified: (i64, i64),
    length: u64,
}

/// `None` if the file cannot be read.
fn version_of(file: &Path) -> Option<Version> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Version {
        device_and_inode: (metadata.dev(), metadata.ino()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        length: metadata.len(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_file_has_another_version() {
        let directory = tempfile::tempdir().unwrap();
        let [file, other] = ["a", "b"].map(|name| directory.path().join(name));
        let write = |path: &Path, text: &str| {
            std::fs::write(path, text).unwrap();
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        };
        write(&file, "1");
        let first = version_of(&file).unwrap();
        assert_eq!(version_of(&file).as_ref(), Some(&first));
        write(&other, "2");
        std::fs::rename(&other, &file).unwrap();
        let replaced = version_of(&file).unwrap();
        assert_eq!((first.modified, first.length), (replaced.modified, replaced.length));
        assert_ne!(first, replaced);
        std::thread::sleep(Duration::from_millis(20));
        write(&file, "3");
        assert_ne!(version_of(&file), Some(replaced), "written in place");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(version_of(&file), None);
    }
}
