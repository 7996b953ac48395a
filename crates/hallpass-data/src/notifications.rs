//! Notifications between the servers of one PostgreSQL database (`LISTEN` and `NOTIFY`), on a connection of their own.
//!
//! The connection is not one of the pool: it stays in one session for as long as it listens, and its notifications
//! commit by themselves. Commits with notifications wait for each other in the whole database server; no statement of
//! a request is part of one.

use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Acquire as _, Executor as _, Row as _, query};

use crate::bulkhead::ACQUIRE_TIMEOUT;
use crate::pooler::ROUNDS_AT_START;
use crate::session_watch::SessionWatch;
use crate::{Database, Error, postgres};

/// The largest payload of a notification, in bytes: PostgreSQL rejects 8,000.
pub const MAX_PAYLOAD_BYTES: usize = 7_999;
/// How long a connection may take to respond. More than an overloaded database needs: each reconnection makes every
/// subscriber read again.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How to open a connection for notifications.
#[derive(Clone)]
pub struct Notifications {
    options: PgConnectOptions,
    sessions: SessionWatch,
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// The payload.
    pub payload: String,
}

/// A connection that listens.
pub struct NotificationConnection {
    listener: PgListener,
    /// The process id of the session that listens.
    backend: i32,
    sessions: SessionWatch,
}

impl Database {
    /// Notifications between the servers of this database. `direct_url` leads to it without a transaction pooler.
    /// None on SQLite, and behind a transaction pooler without such a URL.
    ///
    /// # Errors
    /// When the URL is invalid.
    pub fn notifications(&self, direct_url: Option<&str>) -> Result<Option<Notifications>, Error> {
        let (url, sessions) = match (direct_url, &self.watched_url) {
            // The pool does not use this URL, so that its check of sessions does not apply.
            (Some(url), _) => (url, SessionWatch::default()),
            (None, Some(url)) => (&**url, self.pool.usage.sessions.clone()),
            (None, None) => return Ok(None),
        };
        let options = postgres::address(url).map_err(connect_error)?;
        let application = options.get_application_name().unwrap_or(postgres::APPLICATION);
        let application = format!("{application} (listener)");
        let options = options.application_name(&application);
        Ok(Some(Notifications { options, sessions }))
    }
}

impl Notifications {
    /// Opens a connection that listens to `channels`.
    ///
    /// # Errors
    /// When the database is unavailable, or a pooler shares sessions between clients: then notifications would be
    /// lost.
    pub async fn connect(&self, channels: &[&str]) -> Result<NotificationConnection, Error> {
        // The driver listens on connections of a pool only. Its own reconnection is not used: it is silent.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(self.options.clone());
        let listening = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            listener.eager_reconnect(false);
            postgres::check(listener.acquire().await?, &self.options, ROUNDS_AT_START).await?;
            listener.listen_all(channels.iter().copied()).await?;
            let backend = backend(&mut listener).await?;
            Ok((listener, backend))
        };
        let (listener, backend) = listening.await.map_err(connect_error)?;
        Ok(NotificationConnection { listener, backend, sessions: self.sessions.clone() })
    }
}

impl NotificationConnection {
    /// Notifies the listeners of `channel`, in one transaction: of all payloads in this order, or of none.
    ///
    /// # Errors
    /// When the connection is lost, or the database rejects a payload.
    pub async fn notify(&mut self, channel: &str, payloads: &[String]) -> Result<(), Error> {
        let notify = query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload");
        let notify = notify.bind(channel).bind(payloads).execute(&mut self.listener);
        match tokio::time::timeout(RESPONSE_TIMEOUT, notify).await {
            Ok(done) => done.map(drop).map_err(statement_error),
            Err(_) => Err(lost()),
        }
    }

    /// The next notification, of this connection too. Cancelling it loses none.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn next(&mut self) -> Result<Notification, Error> {
        match self.listener.try_recv().await {
            Ok(Some(received)) => {
                let (channel, payload) = (received.channel(), received.payload());
                Ok(Notification { channel: channel.to_owned(), payload: payload.to_owned() })
            }
            Ok(None) => Err(lost()),
            Err(error) => Err(connect_error(error)),
        }
    }

    /// Checks that the connection still listens: the database responds, from the same session.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&mut self) -> Result<(), Error> {
        self.sessions.check()?;
        match backend(&mut self.listener).await {
            Ok(current) if current == self.backend => Ok(()),
            Ok(_) => Err(lost()),
            Err(error) => Err(connect_error(error)),
        }
    }
}

/// The process id of the session.
async fn backend(listener: &mut PgListener) -> Result<i32, sqlx::Error> {
    let query = listener.fetch_one("SELECT pg_backend_pid()");
    let response = tokio::time::timeout(RESPONSE_TIMEOUT, query).await;
    response.map_err(|_| sqlx::Error::PoolTimedOut)??.try_get(0)
}

fn connect_error(error: sqlx::Error) -> Error {
    DbErr::Conn(RuntimeErr::SqlxError(error.into())).into()
}

fn statement_error(error: sqlx::Error) -> Error {
    DbErr::Exec(RuntimeErr::SqlxError(error.into())).into()
}

fn lost() -> Error {
    connect_error(sqlx::Error::Io(std::io::ErrorKind::ConnectionAborted.into()))
}
