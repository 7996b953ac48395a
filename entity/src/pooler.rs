//! Whether something between here and PostgreSQL shares a session between clients, as PgBouncer does in
//! transaction mode.
//!
//! Under such a pooler, a statement that was prepared under a name may meet another client's statement of
//! the same name, and that one runs. What is proof: one connection that is answered by two backends, or one
//! backend that answers two connections. A pooler hands out either the backend that rested least or the one
//! that rested longest; the questions below detect both, with one backend and with many, as long as no other
//! client comes between. Where others do, backends change by themselves, and the questions are repeated.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

/// What stands between this server and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing stands between, or a pooler that gives each client a session of its own.
    Session,
    /// A pooler gives each transaction a session: nothing of a session is relied on.
    Transaction,
}

/// The session of a connection is shared with other clients.
#[derive(Debug, thiserror::Error)]
#[error(
    "a pooler shares sessions between clients: statements of one would run in place of another's"
)]
pub(crate) struct SharedSessions;

/// How often everything is asked before the first connection is used.
pub(crate) const ROUNDS_AT_START: usize = 5;
/// How often it is asked of each connection that is made later.
pub(crate) const ROUNDS_LATER: usize = 1;
/// How long an answer may take. A pooler in session mode lets a connection wait until there is a session.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the session of `connection` is shared with other clients. `options` lead to the same place.
pub(crate) async fn shares_sessions(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
    rounds: usize,
) -> Result<bool, sqlx::Error> {
    let own = backend(connection).await?;
    let mut helper = None;
    for _ in 0..rounds {
        // The backend that rested longest is another, where there are several.
        if backend(connection).await? != own {
            return Ok(true);
        }
        // The backend that rested least is the connection's own.
        match tokio::time::timeout(PATIENCE, occupy(&mut helper, options)).await {
            Ok(Ok(Occupied::Backend(other))) if other != own => {}
            Ok(Ok(Occupied::Backend(_) | Occupied::NoTransactions)) => return Ok(true),
            Ok(Err(error)) => return Err(error),
            // Every session is taken: this connection is answered all the same, if one of them is its own.
            Err(_) => helper = None,
        }
        if backend(connection).await? != own {
            return Ok(true);
        }
        if let Some(helper) = &mut helper {
            helper.execute("COMMIT").await?;
        }
        if backend(connection).await? != own {
            return Ok(true);
        }
    }
    if let Some(helper) = helper {
        helper.close().await?;
    }
    Ok(false)
}

enum Occupied {
    /// A transaction is open on this backend.
    Backend(i32),
    /// There are no transactions, as in PgBouncer's statement mode.
    NoTransactions,
}

/// Opens a transaction on a second connection, and leaves it open.
async fn occupy(
    helper: &mut Option<PgConnection>,
    options: &PgConnectOptions,
) -> Result<Occupied, sqlx::Error> {
    let connection = match helper {
        Some(connection) => connection,
        None => helper.insert(options.connect().await?),
    };
    match connection.execute("BEGIN").await {
        Ok(_) => backend(connection).await.map(Occupied::Backend),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("08P01") => {
            Ok(Occupied::NoTransactions)
        }
        Err(error) => Err(error),
    }
}

/// Which process answers. Not prepared: a name might be another client's.
async fn backend(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let asked = connection.fetch_one("SELECT pg_backend_pid()");
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)
}
