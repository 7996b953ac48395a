//! The database, and the Redis server that nodes share.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use hallpass_entity::{Pooler, Reason};

use super::{Finding, PingFn};
use crate::row_security::RowSecurityError;

const DATABASE: &str = "database";
const ROW_SECURITY: &str = "row security";
const POOLER: &str = "pooler";
const MIGRATIONS: &str = "migrations";
const REVOCATIONS: &str = "revocations";

/// The database, as far as it could be opened.
pub enum Storage {
    /// It is open, and this tells how it stands.
    Open(Box<DatabaseStatusFn>),
    /// Its file is not there yet.
    Absent(PathBuf),
    /// A pooler on the way to it shares sessions.
    Pooled,
    /// It could not be opened: why, in one sentence.
    Failed(String),
}

/// What an open database tells.
pub struct DatabaseStatus {
    /// What stands between here and PostgreSQL.
    pub pooler: Option<Pooler>,
    /// Of each migration, whether it is applied.
    pub migrations: Vec<(String, bool)>,
    /// Why it cannot be written, if it cannot.
    pub storage: Option<Reason>,
    /// Whether row-level security holds, where it is on.
    pub row_security: Option<Result<(), RowSecurityError>>,
    /// Which revocations the auth server pushed; none where that cannot be told.
    pub pushes: Option<PushCounts>,
}

/// Messages to `/revocations`.
#[derive(Clone, Copy, Debug)]
pub struct PushCounts {
    /// Kept revocations of sessions and API keys.
    pub of_sessions: u64,
    /// Kept revocations of users.
    pub of_users: u64,
    /// Messages of the last day that were refused for their signature.
    pub unsigned: u64,
}

/// Tells how an open database stands.
pub type DatabaseStatusFn =
    dyn Fn() -> BoxFuture<'static, Result<DatabaseStatus, MigrationsError>> + Send + Sync;

/// Why that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum MigrationsError {
    /// The database does not answer.
    #[error("DATABASE_URL does not answer: {0}")]
    Away(String),
    /// Its list of migrations cannot be read.
    #[error("which migrations are applied cannot be told: {0}")]
    Unreadable(String),
}

/// The file of an SQLite database, if there is none yet: looking at a set-up must not make one.
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
    redis: Option<&PingFn>,
    expects_pushes: bool,
) -> Vec<Finding> {
    let mut findings = match storage {
        Storage::Open(tells) => open(tells().await, expects_pushes),
        Storage::Absent(path) => vec![absent(path)],
        Storage::Pooled => vec![Finding::wrong(
            POOLER,
            "DATABASE_URL leads to a pooler that shares sessions between clients",
            "set DATABASE_POOLER=transaction, or connect to PostgreSQL itself, or to a pooler in session \
             mode",
        )],
        Storage::Failed(why) => vec![Finding::wrong(
            DATABASE,
            why.clone(),
            "start the database, or correct DATABASE_URL: host, port, user, password and name",
        )],
    };
    if let Some(answers) = redis {
        findings.push(match answers().await {
            Ok(()) => Finding::good("redis", "REDIS_URL answers"),
            Err(why) => Finding::wrong(
                "redis",
                format!("REDIS_URL does not answer: {why}"),
                "start the Redis server, or correct REDIS_URL; without it, nodes hear of each \
                 other's revocations some seconds later",
            ),
        });
    }
    findings
}

fn open(told: Result<DatabaseStatus, MigrationsError>, expects_pushes: bool) -> Vec<Finding> {
    let answers = || Finding::good(DATABASE, "DATABASE_URL answers");
    match told {
        Ok(told) => {
            let answers = told.storage.map_or_else(answers, unwritable);
            let mut findings = vec![answers, migrations(&told.migrations)];
            findings.extend(told.pooler.map(pooler));
            findings.extend(told.row_security.map(row_security));
            findings.extend(told.pushes.filter(|_| expects_pushes).map(pushes));
            findings
        }
        Err(error @ MigrationsError::Away(_)) => {
            vec![Finding::wrong(DATABASE, error.to_string(), "start the database")]
        }
        Err(error @ MigrationsError::Unreadable(_)) => {
            let fix = "run the newest hallpass that ever migrated this database, or give another \
                       DATABASE_URL";
            vec![answers(), Finding::wrong(MIGRATIONS, error.to_string(), fix)]
        }
    }
}

fn pooler(pooler: Pooler) -> Finding {
    Finding::good(
        POOLER,
        match pooler {
            Pooler::Session => "each connection to PostgreSQL keeps its session",
            Pooler::Transaction => {
                "DATABASE_POOLER is transaction: nothing of a session is relied on"
            }
        },
    )
}

fn unwritable(reason: Reason) -> Finding {
    let fix = match reason {
        Reason::DiskFull => "make room on the disk of the database",
        Reason::ReadOnly => {
            "let the server write the database and, for SQLite, the directory of its file; remove \
             `mode=ro` from DATABASE_URL; a replica of PostgreSQL only reads"
        }
        _ => "look at the log of the server, and at the disk of the database",
    };
    Finding::wrong(DATABASE, format!("DATABASE_URL answers and cannot be written: {reason}"), fix)
}

fn migrations(status: &[(String, bool)]) -> Finding {
    let waiting: Vec<_> = status.iter().filter(|(_, applied)| !applied).collect();
    if waiting.is_empty() {
        return Finding::good(MIGRATIONS, format!("all {} are applied", status.len()));
    }
    Finding::warning(
        MIGRATIONS,
        format!("{} of {} are waiting", waiting.len(), status.len()),
        "`hallpass serve` applies them when it starts, unless told --no-migrate: then run `hallpass \
         migrate up`",
    )
}

fn row_security(holds: Result<(), RowSecurityError>) -> Finding {
    match holds {
        Ok(()) => Finding::good(ROW_SECURITY, "the database itself keeps owned rows apart"),
        Err(breach) => Finding::wrong(ROW_SECURITY, breach.problem, breach.fix),
    }
}

/// Whether the auth server's plugin is there, and has the secret.
fn pushes(received: PushCounts) -> Finding {
    let plugin = "add the plugin `revocations({ url, secret })` of revocation-hook.mjs to the auth server: \
                  `url` is https://THIS-SERVER/revocations, `secret` is REVOCATION_SECRET";
    let PushCounts { of_sessions, of_users, unsigned } = received;
    if unsigned > 0 {
        return Finding::wrong(
            REVOCATIONS,
            format!("{unsigned} messages of the last day were not signed with REVOCATION_SECRET"),
            "give the plugin of the auth server the same secret as REVOCATION_SECRET; while it rotates, list \
             both here",
        );
    }
    match (of_sessions, of_users) {
        (0, 0) => Finding::warning(
            REVOCATIONS,
            "REVOCATION_SECRET is set, and the auth server has pushed nothing in eight days",
            plugin,
        ),
        (0, _) => Finding::warning(
            REVOCATIONS,
            format!(
                "{of_users} changes of users were pushed in eight days, and no sign-out: sessions that only \
                 secondary storage holds end without database hooks"
            ),
            plugin,
        ),
        _ => Finding::good(
            REVOCATIONS,
            format!(
                "in eight days the auth server pushed {of_sessions} ends and changes of sessions, and \
                 {of_users} changes of users"
            ),
        ),
    }
}

fn absent(path: &std::path::Path) -> Finding {
    let name = path.display();
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => Finding::wrong(
            DATABASE,
            format!("DATABASE_URL names {name}, in a directory that there is not"),
            format!("make the directory {}, or correct DATABASE_URL", parent.display()),
        ),
        _ => Finding::warning(
            DATABASE,
            format!("DATABASE_URL names {name}, which is not there yet"),
            "`hallpass serve` makes it when it starts, and so does `hallpass migrate up`",
        ),
    }
}
