//! What `hallpass doctor` says: whether the whole set-up fits together, and why a credential is refused.
//!
//! `setup` reads the settings, `storage` the database, `auth_server` and `keys` ask the auth server
//! without a credential, `endpoints` what else is asked there. A credential is judged by the same [`Authenticator`] as
//! any request's; `credential` puts its answer in order, and `advice` turns what failed into the setting
//! to change. Nothing that is said holds a signature, a session's token or a secret.

mod advice;
mod auth_server;
mod credential;
mod endpoints;
mod keys;
mod limits;
pub(crate) mod render;
mod setup;
mod storage;

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::config::Config;
use crate::identity::{AuthServerProbe, Authenticator, CredentialLocation, DummySession};

pub use credential::{Explanation, Outcome, Step, Verdict};
pub use storage::{
    DatabaseStatus, DatabaseStatusFn, MigrationsError, PushCounts, Storage, absent_file,
};

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// It works, and the operator should know.
    Warning,
    /// It does not work.
    Wrong,
}

/// What one check found: one line.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How well it is.
    pub level: Severity,
    /// What was looked at.
    pub name: &'static str,
    /// What was seen.
    pub message: String,
    /// What to change, and how.
    pub fix: Option<String>,
}

impl Finding {
    fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self { level: Severity::Good, name, message: message.into(), fix: None }
    }

    fn warning(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (message, fix) = (message.into(), Some(fix.into()));
        Self { level: Severity::Warning, name, message, fix }
    }

    fn wrong(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Severity::Wrong, ..Self::warning(name, message, fix) }
    }
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Of the set-up.
    pub setup: Vec<Finding>,
    /// Of a credential, where one was shown.
    pub credential: Option<Explanation>,
}

impl Report {
    /// Whether anything is wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let refused = |it: &Explanation| it.verdict != Verdict::Accepted;
        self.setup.iter().any(|it| it.level == Severity::Wrong)
            || self.credential.as_ref().is_some_and(refused)
    }

    /// As text for a terminal, with colours or without.
    #[must_use]
    pub fn to_text(&self, colours: bool) -> String {
        render::report(self, colours)
    }
}

/// Whether something answers; else why not.
pub type PingFn = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// Looks at a set-up.
pub struct Doctor {
    /// The settings.
    pub config: Config,
    /// What judges credentials.
    pub authenticator: Arc<Authenticator>,
    /// What asks the auth server.
    pub probe: AuthServerProbe,
    /// The database.
    pub storage: Storage,
    /// The Redis server, where one is set.
    pub redis: Option<Box<PingFn>>,
}

/// What the checks saw that explains a credential.
#[derive(Debug, Default)]
struct Observations {
    /// How far the auth server's clock is ahead.
    clock: Option<TimeDelta>,
    /// What the auth server does with a session that does not exist.
    session: DummySession,
    /// Whether the auth server answered as one.
    auth_server_answers: bool,
}

impl Doctor {
    /// Looks at everything, and at the credential that was `pasted`.
    pub async fn examine(&self, pasted: Option<(CredentialLocation, &str)>) -> Report {
        let mut setup = setup::findings(&self.config);
        let expects_pushes = !self.config.identity.revocation_secrets.is_empty();
        setup.extend(storage::findings(&self.storage, self.redis.as_deref(), expects_pushes).await);
        let observed = auth_server::check(self, &mut setup).await;
        keys::check(self, &mut setup).await;
        endpoints::check(self, &observed, &mut setup).await;
        let credential = match pasted {
            Some((place, text)) => {
                Some(credential::explain(self, &observed, &setup, place, text).await)
            }
            None => {
                // Last, and not beside a credential: it may use up the limit that everybody shares.
                limits::check(self, &observed, &mut setup).await;
                None
            }
        };
        Report { setup, credential }
    }
}
