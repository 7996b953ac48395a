//! The limit of open files (RLIMIT_NOFILE), and the number of connections that it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors reserved for the database, the auth server, and files.
const RESERVED: usize = 256;
/// The least number of connections, however low the limit is.
const MIN_CONNECTIONS: usize = 64;

/// Raises the soft limit of open files to the hard limit.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "failed to raise the limit of open files");
    }
}

/// The number of connections, at most `wanted`, that the limit of open files allows.
pub(super) fn connections(wanted: usize) -> usize {
    let file_limit = getrlimit(Resource::Nofile).current;
    let file_limit = file_limit.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX);
    wanted.min(file_limit.saturating_sub(RESERVED).max(MIN_CONNECTIONS))
}
