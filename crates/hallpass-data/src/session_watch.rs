//! Repeats the check for shared sessions while the pool is open: a pooler in session mode may be reloaded into
//! transaction mode, beneath connections that passed the check when they were opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::Notify;

use crate::pooler::SharedSessions;
use crate::{Database, Error, Reason, postgres};

/// Interval of the checks.
const INTERVAL: Duration = Duration::from_secs(5);
/// Interval while statements are rejected.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// Whether a pooler has begun to share the sessions of a pool. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SessionWatch(Arc<State>);

#[derive(Default)]
struct State {
    is_shared: AtomicBool,
    suspected: Notify,
}

impl SessionWatch {
    /// Fails while sessions are shared: no statement may run then.
    pub(crate) fn check(&self) -> Result<(), DbErr> {
        if !self.0.is_shared.load(Ordering::Acquire) {
            return Ok(());
        }
        let shared = sqlx::Error::Configuration(Box::new(SharedSessions));
        Err(DbErr::Conn(RuntimeErr::SqlxError(shared.into())))
    }

    /// Brings the next check forward if `error` is typical of shared sessions: a prepared statement that is missing
    /// (invalid_sql_statement_name), or another client's (duplicate_prepared_statement, protocol_violation).
    pub(crate) fn note(&self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(|error| error.code());
        if code.is_some_and(|code| ["26000", "42P05", "08P01"].contains(&&*code)) {
            self.0.suspected.notify_one();
        }
    }

    async fn until_next_check(&self) {
        let interval = match self.check() {
            Ok(()) => INTERVAL,
            Err(_) => return tokio::time::sleep(RECOVERY_INTERVAL).await,
        };
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = self.0.suspected.notified() => {}
        }
    }

    /// Returns whether this is a change.
    fn set(&self, is_shared: bool) -> bool {
        self.0.is_shared.swap(is_shared, Ordering::AcqRel) != is_shared
    }
}

impl Database {
    /// Checks at intervals whether a pooler shares the sessions of this pool, and rejects statements while it does.
    /// Returns at once if no pooler can: on SQLite, and if transaction pooling is configured.
    pub async fn watch_sessions(&self) {
        let Some(url) = &self.watched_url else { return };
        let watch = &self.pool.usage.sessions;
        loop {
            watch.until_next_check().await;
            let checked = postgres::reject_shared_sessions(url).await.map_err(Error::from);
            match checked {
                Ok(()) if watch.set(false) => {
                    tracing::info!("the database has its own sessions again")
                }
                Err(error) if error.reason() == Some(Reason::SharedSessions) => {
                    // Those that are open now are not used again.
                    self.health.distrust_connections();
                    if watch.set(true) {
                        tracing::error!(
                            "a transaction pooler shares sessions between clients: statements are rejected. Set \
                             the pooler to session mode, or DATABASE_POOLER=transaction"
                        );
                    }
                }
                // Unknown: the database may be unavailable.
                Ok(()) | Err(_) => {}
            }
        }
    }
}
