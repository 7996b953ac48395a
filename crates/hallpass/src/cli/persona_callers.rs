//! The personas as authenticated callers, for commands that show their access.

use std::sync::Arc;

use super::CliError;
use crate::app::{self, StartError};
use crate::config::Config;
use hallpass_identity::{Authenticator, Caller, DevTokenIssuer, Persona};

/// An in-memory issuer, and an authenticator that accepts its tokens.
pub(crate) struct PersonaCallers {
    personas: &'static [Persona],
    issuer: DevTokenIssuer,
    authenticator: Authenticator,
}

impl PersonaCallers {
    pub(crate) fn new(config: &Config) -> Result<Self, CliError> {
        let issuer = DevTokenIssuer::in_memory().map_err(StartError::from)?;
        let authenticator =
            Authenticator::new(&config.identity, &[], Some(&issuer)).map_err(StartError::from)?;
        Ok(Self { personas: config.identity.personas, issuer, authenticator })
    }

    pub(crate) async fn callers(
        &self,
    ) -> Result<Vec<(&'static Persona, Option<Arc<Caller>>)>, CliError> {
        let callers = app::persona_callers(self.personas, &self.issuer, &self.authenticator).await;
        Ok(callers.map_err(StartError::from)?)
    }

    /// The caller of the persona `name`.
    pub(crate) async fn caller(&self, name: &str) -> Result<Option<Arc<Caller>>, CliError> {
        let callers = self.callers().await?;
        Ok(callers
            .into_iter()
            .find_map(|(persona, caller)| caller.filter(|_| persona.name == name)))
    }
}
