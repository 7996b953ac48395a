//! The database, and the Redis server that nodes share.

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use hallpass_entity::Reason;

use super::{Answers, Finding};
use crate::row_security::Breach;

const DATABASE: &str = "database";
const ROW_SECURITY: &str = "row security";
const MIGRATIONS: &str = "migrations";

/// The database, as far as it could be opened.
pub enum Storage {
    /// It is open, and this tells how it stands.
    Open(Box<Tells>),
    /// Its file is not there yet.
    Absent(PathBuf),
    /// It could not be opened: why, in one sentence.
    Failed(String),
}

/// What an open database tells.
pub struct Told {
    /// Of each migration, whether it is applied.
    pub migrations: Vec<(String, bool)>,
    /// Why it cannot be written, if it cannot.
    pub storage: Option<Reason>,
    /// Whether row-level security holds, where it is on.
    pub row_security: Option<Result<(), Breach>>,
}

/// Tells how an open database stands.
pub type Tells = dyn Fn() -> BoxFuture<'static, Result<Told, MigrationsError>> + Send + Sync;

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

pub(super) async fn findings(storage: &Storage, redis: Option<&Answers>) -> Vec<Finding> {
    let mut findings = match storage {
        Storage::Open(tells) => open(tells().await),
        Storage::Absent(path) => vec![absent(path)],
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

fn open(told: Result<Told, MigrationsError>) -> Vec<Finding> {
    let answers = || Finding::good(DATABASE, "DATABASE_URL answers");
    match told {
        Ok(told) => {
            let answers = told.storage.map_or_else(answers, unwritable);
            let mut findings = vec![answers, migrations(&told.migrations)];
            findings.extend(told.row_security.map(row_security));
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

fn row_security(holds: Result<(), Breach>) -> Finding {
    match holds {
        Ok(()) => Finding::good(ROW_SECURITY, "the database itself keeps owned rows apart"),
        Err(breach) => Finding::wrong(ROW_SECURITY, breach.problem, breach.fix),
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
