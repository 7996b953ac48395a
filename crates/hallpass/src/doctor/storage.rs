//! Checks of the database, and of the messages between nodes.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use hallpass_data::{Pooler, Reason};
use hallpass_migration::Status;

use super::{Finding, PingFn};
use crate::row_security::RowSecurityError;

const DATABASE: &str = "database";
const ROW_SECURITY: &str = "row security";
const POOLER: &str = "pooler";
const MIGRATIONS: &str = "migrations";
const NODES: &str = "nodes";
const REVOCATIONS: &str = "revocations";

/// The database to check.
pub enum Storage {
    /// It is open; the function returns its status.
    Open(Box<DatabaseStatusFn>),
    /// Its file does not exist yet.
    Absent(PathBuf),
    /// It is behind a transaction pooler, without DATABASE_POOLER=transaction.
    Pooled,
    /// It could not be opened; the reason.
    Failed(String),
}

/// How nodes that share the database notify each other.
pub enum NodeMessages {
    /// Through the Redis server of REDIS_URL.
    Redis(Box<PingFn>),
    /// Through PostgreSQL.
    Postgres(Box<PingFn>),
    /// Not at all: no connection through a transaction pooler can listen.
    Pooled,
    /// There is one node only, or the database could not be opened.
    Local,
}

/// The status of an open database.
pub struct DatabaseStatus {
    /// The mode of connection pooling; `None` for SQLite.
    pub pooler: Option<Pooler>,
    /// The migrations.
    pub migrations: Status,
    /// Why it is not writable, if it is not.
    pub storage: Option<Reason>,
    /// Whether row-level security is effective, if enabled.
    pub row_security: Option<Result<(), RowSecurityError>>,
    /// Counts of pushed revocations; `None` if unknown.
    pub pushes: Option<PushCounts>,
}

/// Counts of revocation webhooks.
#[derive(Clone, Copy, Debug)]
pub struct PushCounts {
    /// Stored revocations of sessions and API keys.
    pub of_sessions: u64,
    /// Stored revocations of users.
    pub of_users: u64,
    /// Messages of the last day with an invalid signature.
    pub unsigned: u64,
}

/// Returns the status of an open database.
pub type DatabaseStatusFn =
    dyn Fn() -> BoxFuture<'static, Result<DatabaseStatus, MigrationsError>> + Send + Sync;

/// Why the status is unknown.
#[derive(Debug, thiserror::Error)]
pub enum MigrationsError {
    /// The database is unavailable.
    #[error("DATABASE_URL does not respond: {0}")]
    Unavailable(String),
    /// The list of applied migrations cannot be read.
    #[error("the list of applied migrations cannot be read: {0}")]
    Unreadable(String),
}

/// The file of an SQLite database, if it does not exist: the doctor must not create it.
#[must_use]
pub fn absent_file(database_url: &str) -> Option<PathBuf> {
    let path = database_url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = PathBuf::from(path.split_once('?').map_or(path, |(path, _)| path));
    (!path.as_os_str().is_empty() && path.as_os_str() != ":memory:" && !path.exists())
        .then_some(path)
}

pub(super) async fn findings(
    storage: &Storage,
    messages: &NodeMessages,
    expects_pushes: bool,
    program: &str,
) -> Vec<Finding> {
    let mut findings = match storage {
        Storage::Open(get_status) => open(get_status().await, expects_pushes, program),
        Storage::Absent(path) => vec![missing_file(path, program)],
        Storage::Pooled => vec![Finding::wrong(
            POOLER,
            "DATABASE_URL points to a transaction pooler, which shares sessions between clients",
            "set DATABASE_POOLER=transaction, or connect to PostgreSQL directly, or to a pooler in session \
             mode",
        )],
        Storage::Failed(why) => vec![Finding::wrong(
            DATABASE,
            why.clone(),
            "start the database, or correct DATABASE_URL: host, port, user, password and name",
        )],
    };
    findings.extend(nodes(messages).await);
    findings
}

/// Checks how nodes notify each other. None if there is one node only.
async fn nodes(messages: &NodeMessages) -> Option<Finding> {
    Some(match messages {
        NodeMessages::Redis(ping) => match ping().await {
            Ok(()) => Finding::good("redis", "REDIS_URL responds"),
            Err(why) => Finding::wrong(
                "redis",
                format!("REDIS_URL does not respond: {why}"),
                "start the Redis server, or correct REDIS_URL, or remove it: nodes then notify each other \
                 through PostgreSQL",
            ),
        },
        NodeMessages::Postgres(ping) => match ping().await {
            Ok(()) => Finding::good(NODES, "nodes notify each other through PostgreSQL (LISTEN)"),
            Err(why) => Finding::wrong(
                NODES,
                format!("no connection for LISTEN: {why}"),
                "correct DATABASE_DIRECT_URL, or allow PostgreSQL one more connection for each node",
            ),
        },
        NodeMessages::Pooled => Finding::warning(
            NODES,
            "DATABASE_POOLER is transaction, and LISTEN needs a session: nodes receive no events of each \
             other, and revocations some seconds later",
            "with several nodes, set DATABASE_DIRECT_URL to an address of PostgreSQL without the pooler, or \
             set REDIS_URL",
        ),
        NodeMessages::Local => return None,
    })
}

fn open(
    status: Result<DatabaseStatus, MigrationsError>,
    expects_pushes: bool,
    program: &str,
) -> Vec<Finding> {
    let reachable = || Finding::good(DATABASE, "DATABASE_URL responds");
    match status {
        Ok(status) => {
            let database = status.storage.map_or_else(reachable, unwritable);
            let mut findings = vec![database, migrations(&status.migrations, program)];
            findings.extend(status.pooler.map(pooler));
            findings.extend(status.row_security.map(row_security));
            findings.extend(status.pushes.filter(|_| expects_pushes).map(pushes));
            findings
        }
        Err(error @ MigrationsError::Unavailable(_)) => {
            vec![Finding::wrong(DATABASE, error.to_string(), "start the database")]
        }
        Err(error @ MigrationsError::Unreadable(_)) => {
            let fix = "grant the server's role SELECT on the table seaql_migrations, or set another DATABASE_URL";
            vec![reachable(), Finding::wrong(MIGRATIONS, error.to_string(), fix)]
        }
    }
}

fn pooler(pooler: Pooler) -> Finding {
    Finding::good(
        POOLER,
        match pooler {
            Pooler::Session => "each connection to PostgreSQL keeps its session",
            Pooler::Transaction => "DATABASE_POOLER is transaction: no session state is used",
        },
    )
}

fn unwritable(reason: Reason) -> Finding {
    let fix = match reason {
        Reason::DiskFull => "free space on the disk of the database",
        Reason::ReadOnly => {
            "give the server write access to the database and, for SQLite, to the directory of its file; \
             remove `mode=ro` from DATABASE_URL; use the PostgreSQL primary, not a replica"
        }
        _ => "check the log of the server, and the disk of the database",
    };
    Finding::wrong(DATABASE, format!("DATABASE_URL responds, but is not writable: {reason}"), fix)
}

fn migrations(Status { known, unknown }: &Status, program: &str) -> Finding {
    let pending = known.iter().filter(|(_, applied)| !applied).count();
    if pending == 0 {
        let newer = match unknown.len() {
            0 => String::new(),
            count => format!(", and {count} of a newer version"),
        };
        return Finding::good(MIGRATIONS, format!("all {} are applied{newer}", known.len()));
    }
    Finding::warning(
        MIGRATIONS,
        format!("{pending} of {} are pending", known.len()),
        format!(
            "`{program} serve` applies them at start, unless --no-migrate is set: then run \
             `{program} migrate up`"
        ),
    )
}

fn row_security(result: Result<(), RowSecurityError>) -> Finding {
    match result {
        Ok(()) => Finding::good(ROW_SECURITY, "enforced by the database"),
        Err(error) => Finding::wrong(ROW_SECURITY, error.problem, error.fix),
    }
}

/// Checks that the auth server's plugin pushes revocations with the right secret.
fn pushes(received: PushCounts) -> Finding {
    let plugin = "add the plugin `revocations({ url, secret })` of revocation-hook.mjs to the auth server: \
                  `url` is https://THIS-SERVER/revocations, `secret` is REVOCATION_SECRET";
    let PushCounts { of_sessions, of_users, unsigned } = received;
    if unsigned > 0 {
        return Finding::wrong(
            REVOCATIONS,
            format!("{unsigned} messages of the last day were not signed with REVOCATION_SECRET"),
            "set the secret of the auth server's plugin to REVOCATION_SECRET; during rotation, list both \
             here",
        );
    }
    match (of_sessions, of_users) {
        (0, 0) => Finding::warning(
            REVOCATIONS,
            "REVOCATION_SECRET is set, but the auth server has pushed nothing in eight days",
            plugin,
        ),
        (0, _) => Finding::warning(
            REVOCATIONS,
            format!(
                "{of_users} changes of users were pushed in eight days, but no sign-out: sessions in secondary \
                 storage only do not trigger database hooks"
            ),
            plugin,
        ),
        _ => Finding::good(
            REVOCATIONS,
            format!(
                "in eight days, the auth server pushed {of_sessions} session changes and {of_users} user changes"
            ),
        ),
    }
}

fn missing_file(path: &std::path::Path, program: &str) -> Finding {
    let name = path.display();
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Finding::wrong(
            DATABASE,
            format!("DATABASE_URL names {name}, whose directory does not exist"),
            format!("create the directory {}, or correct DATABASE_URL", parent.display()),
        ),
        _ => Finding::warning(
            DATABASE,
            format!("DATABASE_URL names {name}, which does not exist yet"),
            format!("`{program} serve` creates it at start, and so does `{program} migrate up`"),
        ),
    }
}
