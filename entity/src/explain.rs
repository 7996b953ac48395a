//! What is said where a database cannot be opened: the reason, and where. No part of a password.

use std::path::Path;

use sea_orm::DbErr;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::connection::ACQUIRE_TIMEOUT;
use crate::{Error, Reason, postgres, sqlite};

/// Why the database at `url`, whose opening failed with `error`, cannot be used, in one sentence without a
/// password. It asks the server once more, since a pool only says that it waited.
pub async fn explain(url: &str, error: &Error) -> String {
    if let Some(path) = sqlite::file(url) {
        return of_file(&path, &of_sqlite(error));
    }
    let options = postgres::is_at(url).then(|| url.parse::<PgConnectOptions>().ok()).flatten();
    match options {
        Some(options) => of_server(&options).await,
        // What cannot be read is not shown: it may hold the password.
        None => "the address cannot be read".to_owned(),
    }
}

fn of_sqlite(error: &Error) -> String {
    error.reason().map_or_else(|| error.to_string(), |reason| reason.text().to_owned())
}

/// What is wrong with the file of an SQLite database; `otherwise`, where that cannot be seen.
fn of_file(path: &Path, otherwise: &str) -> String {
    let name = path.display();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match directory {
        Some(parent) if !parent.exists() => {
            format!("{name}: the directory {} does not exist", parent.display())
        }
        Some(parent) if !parent.is_dir() => format!("{name}: {} is no directory", parent.display()),
        _ if path.is_dir() => format!("{name} is a directory: name a file in it"),
        _ if !path.exists() && otherwise == Reason::CannotOpen.text() => {
            format!("{name} does not exist: end the address with ?mode=rwc, which makes it")
        }
        _ => format!("{name}: {otherwise}"),
    }
}

/// Why a PostgreSQL server refuses connections, found out by one connection: a pool only says that it waited.
async fn of_server(options: &PgConnectOptions) -> String {
    let place = match options.get_socket() {
        Some(directory) => format!("{}, port {}", directory.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let why = match tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect()).await {
        Err(_) => format!("no answer within {} s", ACQUIRE_TIMEOUT.as_secs()),
        Ok(Ok(_)) => "it answered too late: try again".to_owned(),
        Ok(Err(sqlx::Error::Io(error))) => error.to_string(),
        Ok(Err(error)) => of_answer(options, error),
    };
    format!("{place}: {why}")
}

fn of_answer(options: &PgConnectOptions, error: sqlx::Error) -> String {
    let said = error.to_string();
    let error = Error::from(DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())));
    match error.reason() {
        // Without the name of the user: a password may stand in its place.
        Some(Reason::AuthenticationFailed) => {
            "authentication failed: correct the user or the password; a % in it is written %25"
                .to_owned()
        }
        Some(Reason::NoSuchDatabase) => format!(
            "there is no database {}: create it, or correct its name",
            options.get_database().unwrap_or(options.get_username())
        ),
        Some(_) | None => said,
    }
}
