//! Set-up of PostgreSQL connections: timeouts, start-up options, pooler check.

use std::time::Duration;

use sea_orm::{ConnectOptions, DbErr, RuntimeErr};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::pooler::{ROUNDS_AT_START, ROUNDS_LATER, SharedSessions, shares_sessions};
use crate::rls_context::STARTUP_OPTION;
use crate::{Options, Pooler};

/// How long a statement waits for a lock: a lock that is held longer, as by `ALTER TABLE`, delays only
/// the requests that need it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// The application of a URL that names none, as `pg_stat_activity` shows it.
pub(crate) const APPLICATION: &str = "hallpass";

/// Whether `url` is a PostgreSQL URL. Only such a URL is passed to the driver's parser, which logs unknown
/// parameters of other URLs.
pub(crate) fn is_postgres_url(url: &str) -> bool {
    !url.starts_with("sqlite:")
}

/// Configures how each connection is opened and set up.
pub(crate) fn set_up(connect: &mut ConnectOptions, options: &Options) {
    if !is_postgres_url(&options.url) {
        return;
    }
    let sets_row_security = options.row_security && options.pooler == Pooler::Session;
    let uses_named_statements = options.pooler == Pooler::Session;
    connect.map_sqlx_postgres_opts(move |postgres| {
        // Not needed, because floating-point numbers are transferred in binary; and poolers reject unknown settings.
        let postgres = postgres.extra_float_digits(None);
        let postgres = match postgres.get_application_name() {
            Some(_) => postgres,
            None => postgres.application_name(APPLICATION),
        };
        let postgres =
            if sets_row_security { postgres.options([STARTUP_OPTION]) } else { postgres };
        if uses_named_statements { postgres } else { postgres.statement_cache_capacity(0) }
    });
    if options.pooler == Pooler::Session
        && let Ok(address) = address(&options.url)
    {
        let settings = settings("SET", options.statement_timeout);
        connect.map_sqlx_postgres_pool_opts(move |pool| {
            let (address, settings) = (address.clone(), settings.clone());
            pool.after_connect(move |connection, _| {
                let (address, settings) = (address.clone(), settings.clone());
                Box::pin(async move {
                    check(connection, &address, ROUNDS_LATER).await?;
                    connection.execute(AssertSqlSafe(settings)).await?;
                    Ok(())
                })
            })
        });
    }
}

pub(crate) fn address(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(url.parse::<PgConnectOptions>()?.extra_float_digits(None).disable_statement_logging())
}

/// The SQL that begins a transaction without relying on session state.
pub(crate) fn begin(statement_timeout: Option<Duration>, sets_row_security: bool) -> String {
    let mut sql = format!("BEGIN; {}", settings("SET LOCAL", statement_timeout));
    if sets_row_security {
        let (name, value) = STARTUP_OPTION;
        sql += &format!("; SET LOCAL {name} = '{value}'");
    }
    sql
}

/// Statements that set the timeouts. Long-running work has none.
fn settings(set: &str, statement_timeout: Option<Duration>) -> String {
    let statement = statement_timeout.unwrap_or_default().as_millis();
    let lock = statement_timeout.map_or(Duration::ZERO, |_| LOCK_TIMEOUT).as_millis();
    format!("{set} statement_timeout = {statement}; {set} lock_timeout = {lock}")
}

/// Fails if a pooler on the way to the database at `url` shares sessions between clients.
pub(crate) async fn reject_shared_sessions(url: &str) -> Result<(), DbErr> {
    if !is_postgres_url(url) {
        return Ok(());
    }
    let tried = async {
        let address = address(url)?;
        let mut connection = address.connect().await?;
        check(&mut connection, &address, ROUNDS_AT_START).await?;
        connection.close().await
    };
    tried.await.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

pub(crate) async fn check(
    connection: &mut PgConnection,
    address: &PgConnectOptions,
    rounds: usize,
) -> Result<(), sqlx::Error> {
    match shares_sessions(connection, address, rounds).await? {
        true => Err(sqlx::Error::Configuration(Box::new(SharedSessions))),
        false => Ok(()),
    }
}
