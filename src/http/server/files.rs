//! How many files, and so connections, this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left for the database, the auth server, and files.
const RESERVED: usize = 256;
/// The least that is served, however few files are allowed.
const LEAST: usize = 64;

/// Raises this process's limit of open files as far as the system lets it.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// How many of `wanted` connections the limit of open files has room for.
pub(super) fn connections(wanted: usize) -> usize {
    let allowed = getrlimit(Resource::Nofile).current;
    let allowed = allowed.and_then(|it| usize::try_from(it).ok()).unwrap_or(usize::MAX);
    wanted.min(allowed.saturating_sub(RESERVED).max(LEAST))
}
