//! Error messages for a database that cannot be opened: the reason and the address, never the password.

use std::path::Path;

use sea_orm::DbErr;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::bulkhead::ACQUIRE_TIMEOUT;
use crate::{Error, Reason, postgres, sqlite};

/// Why the database at `url`, which failed to open with `error`, cannot be used, in one sentence without a
/// password. It connects to the server once more, since the pool only reports a timeout.
pub async fn explain(url: &str, error: &Error) -> String {
    if let Some(path) = sqlite::file(url) {
        return file_problem(&path, &sqlite_problem(error));
    }
    let options =
        postgres::is_postgres_url(url).then(|| url.parse::<PgConnectOptions>().ok()).flatten();
    match options {
        Some(options) => server_problem(&options).await,
        // An unparsable URL is not shown: it may contain the password.
        None => "the URL is malformed".to_owned(),
    }
}

fn sqlite_problem(error: &Error) -> String {
    error.reason().map_or_else(|| error.to_string(), |reason| reason.text().to_owned())
}

/// What is wrong with the file of an SQLite database; `otherwise`, if that cannot be detected.
fn file_problem(path: &Path, otherwise: &str) -> String {
    let name = path.display();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match directory {
        Some(parent) if !parent.exists() => {
            format!("{name}: the directory {} does not exist", parent.display())
        }
        Some(parent) if !parent.is_dir() => {
            format!("{name}: {} is not a directory", parent.display())
        }
        _ if path.is_dir() => format!("{name} is a directory: name a file in it"),
        _ if !path.exists() && otherwise == Reason::CannotOpen.text() => {
            format!("{name} does not exist: end the URL with ?mode=rwc, which creates it")
        }
        _ => format!("{name}: {otherwise}"),
    }
}

/// Why a PostgreSQL server rejects connections, determined by connecting once: the pool only reports a
/// timeout.
async fn server_problem(options: &PgConnectOptions) -> String {
    let address = match options.get_socket() {
        Some(directory) => format!("{}, port {}", directory.display(), options.get_port()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let why = match tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect()).await {
        Err(_) => format!("no response within {} s", ACQUIRE_TIMEOUT.as_secs()),
        Ok(Ok(_)) => "it responded too late: try again".to_owned(),
        Ok(Err(sqlx::Error::Io(error))) => error.to_string(),
        Ok(Err(error)) => response_problem(options, error),
    };
    format!("{address}: {why}")
}

fn response_problem(options: &PgConnectOptions, error: sqlx::Error) -> String {
    let message = error.to_string();
    let error = Error::from(DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())));
    match error.reason() {
        // Without the name of the user: it may be a misplaced password.
        Some(Reason::AuthenticationFailed) => {
            "authentication failed: correct the user or the password; a % in it is written %25"
                .to_owned()
        }
        Some(Reason::NoSuchDatabase) => format!(
            "there is no database {}: create it, or correct its name",
            options.get_database().unwrap_or(options.get_username())
        ),
        Some(_) | None => message,
    }
}
