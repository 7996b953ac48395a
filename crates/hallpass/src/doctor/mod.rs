//! `hallpass doctor`: checks the setup, and explains why a credential is rejected.
//!
//! `setup` checks the settings, `storage` the database and the messages between nodes, `auth_server`, `keys`, `endpoints` and `limits` the
//! auth server, without a credential. A credential is authenticated by the same [`Authenticator`] as requests;
//! `credential` reports each check, and `advice` names the setting to change. Reports never contain a signature, a
//! session token or a secret.

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
use strum::IntoStaticStr;

use crate::config::Config;
use hallpass_identity::{AuthServerProbe, Authenticator, CredentialLocation, DummySession};

pub use credential::{Explanation, Outcome, Step, Verdict};
pub use storage::{
    DatabaseStatus, DatabaseStatusFn, MigrationsError, NodeMessages, PushCounts, Storage,
    absent_file,
};

/// Severity of a finding. The string form is shown in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, Serialize)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// No problem.
    Good,
    /// It works, with a risk or limitation.
    Warning,
    /// It does not work.
    Wrong,
}

/// The result of one check, one line of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The severity.
    pub level: Severity,
    /// What was checked.
    pub name: &'static str,
    /// The result.
    pub message: String,
    /// What to change.
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

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Findings about the setup.
    pub setup: Vec<Finding>,
    /// The explanation of a credential, if one was given.
    pub credential: Option<Explanation>,
}

impl Report {
    /// Whether there is a problem.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let rejected = |it: &Explanation| it.verdict != Verdict::Accepted;
        self.setup.iter().any(|it| it.level == Severity::Wrong)
            || self.credential.as_ref().is_some_and(rejected)
    }

    /// The report as text, with or without terminal colours.
    #[must_use]
    pub fn to_text(&self, colours: bool) -> String {
        render::report(self, colours)
    }
}

/// Checks that a service responds; fails with the reason.
pub type PingFn = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// Checks a setup.
pub struct Doctor {
    /// The settings.
    pub config: Config,
    /// Authenticates credentials.
    pub authenticator: Arc<Authenticator>,
    /// Sends requests to the auth server.
    pub probe: AuthServerProbe,
    /// The database.
    pub storage: Storage,
    /// How nodes notify each other.
    pub messages: NodeMessages,
}

/// Results of the checks that explain credentials.
#[derive(Debug, Default)]
struct Observations {
    /// Offset of the auth server's clock; positive if it is ahead.
    clock: Option<TimeDelta>,
    /// The auth server's response to a dummy session.
    session: DummySession,
    /// Whether the auth server responded as a Better Auth server.
    auth_server_answers: bool,
}

impl Doctor {
    /// Runs all checks, and explains the credential `pasted`.
    pub async fn examine(&self, pasted: Option<(CredentialLocation, &str)>) -> Report {
        let mut setup = setup::findings(&self.config);
        let expects_pushes = !self.config.identity.revocation_secrets.is_empty();
        setup.extend(
            storage::findings(&self.storage, &self.messages, expects_pushes, &self.config.program)
                .await,
        );
        let observed = auth_server::check(self, &mut setup).await;
        keys::check(self, &mut setup).await;
        endpoints::check(self, &observed, &mut setup).await;
        let credential = match pasted {
            Some((location, text)) => {
                Some(credential::explain(self, &observed, &setup, location, text).await)
            }
            None => {
                // Last, and not with a credential: it may use up a rate limit that all users share.
                limits::check(self, &observed, &mut setup).await;
                None
            }
        };
        Report { setup, credential }
    }
}
