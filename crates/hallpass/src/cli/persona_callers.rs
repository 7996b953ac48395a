//! The personas as authenticated callers, for commands that show their access.

use std::sync::Arc;

use super::CliError;
use crate::app::{self, StartError};
use crate::config::Config;
use hallpass_identity::{Authenticator, Caller, DevTokenIssuer, Persona};

/// An in-memory issuer, and an authenticator that accepts its tokens.
pub(crate) struct PersonaCallers {
    issuer: DevTokenIssuer,
    authenticator: Authenticator,
}

impl PersonaCallers {
    pub(crate) fn new(config: &Config) -> Result<Self, CliError> {
        let issuer = DevTokenIssuer::in_memory().map_err(StartError::from)?;
        let authenticator =
            Authenticator::new(&config.identity, &[], Some(&issuer)).map_err(StartError::from)?;
        Ok(Self { issuer, authenticator })
    }

    pub(crate) async fn callers(&self) -> Result<Vec<(Persona, Option<Arc<Caller>>)>, CliError> {
        let callers = app::persona_callers(&self.issuer, &self.authenticator).await;
        Ok(callers.map_err(StartError::from)?)
    }

    pub(crate) async fn caller(&self, wanted: Persona) -> Result<Option<Arc<Caller>>, CliError> {
        let callers = self.callers().await?;
        Ok(callers.into_iter().find_map(|(persona, caller)| caller.filter(|_| persona == wanted)))
    }
}
