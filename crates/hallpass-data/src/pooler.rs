//! Detects a pooler between this server and PostgreSQL that shares sessions between clients, such as
//! PgBouncer in transaction mode.
//!
//! With such a pooler, a named prepared statement may collide with another client's statement of the same
//! name, which then runs instead. Proof is one connection that is served by two backends, or one backend
//! that serves two connections. A pooler hands out either the most recently used backend or the least
//! recently used one; the probes below detect both, with one backend and with many, as long as no other
//! client interferes. If others do, backends change by themselves, and the probes are repeated.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

/// The pooler between this server and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// None, or a pooler that gives each client its own session.
    Session,
    /// A pooler that assigns a session per transaction: no session state is used.
    Transaction,
}

/// The session of a connection is shared with other clients.
#[derive(Debug, thiserror::Error)]
#[error(
    "a pooler shares sessions between clients: statements of one would run in place of another's"
)]
pub(crate) struct SharedSessions;

/// How often the probes run before the first connection is used.
pub(crate) const ROUNDS_AT_START: usize = 5;
/// How often they run for each later connection. The connection that listens may open at the same time, and interfere.
pub(crate) const ROUNDS_LATER: usize = 3;
/// Timeout of a response. A pooler in session mode lets a connection wait until there is a session.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the session of `connection` is shared with other clients. `options` lead to the same server.
pub(crate) async fn shares_sessions(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
    rounds: usize,
) -> Result<bool, sqlx::Error> {
    let own = backend(connection).await?;
    let mut helper = None;
    for _ in 0..rounds {
        // The least recently used backend is a different one, if there are several.
        if backend(connection).await? != own {
            return Ok(true);
        }
        // The most recently used backend is the connection's own.
        match tokio::time::timeout(RESPONSE_TIMEOUT, occupy(&mut helper, options)).await {
            Ok(Ok(Occupied::Backend(other))) if other != own => {}
            Ok(Ok(Occupied::Backend(_) | Occupied::NoTransactions)) => return Ok(true),
            Ok(Err(error)) => return Err(error),
            // Every session is taken: this connection is served all the same, if one of them is its own.
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

/// The process id of the backend. Not prepared: a name could be another client's.
async fn backend(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let query = connection.fetch_one("SELECT pg_backend_pid()");
    let response = tokio::time::timeout(RESPONSE_TIMEOUT, query).await;
    response.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)
}
