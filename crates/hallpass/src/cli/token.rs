//! `hallpass token`: prints a development token.

use secrecy::ExposeSecret as _;

use super::CliError;
use super::output::print_line;
use crate::app::StartError;
use crate::config::{Config, Environment};
use hallpass_identity::{DevTokenIssuer, Persona};

pub(super) fn run(config: &Config, persona: Persona) -> Result<(), CliError> {
    if config.environment != Environment::Development {
        return Err(CliError::Usage(
            "development tokens are not available, because an authentication method is configured: \
             remove BETTER_AUTH_URL, JWKS_URL and JWT_SECRET, or sign in at the auth server"
                .to_owned(),
        ));
    }
    // The server creates the key, and rejects tokens of any other key.
    if !config.development_key.exists() {
        let here = std::env::current_dir().unwrap_or_default();
        return Err(CliError::Usage(format!(
            "no development key in {}: start `hallpass serve`, and run this in the same directory",
            here.display()
        )));
    }
    let issuer =
        DevTokenIssuer::load_or_create(&config.development_key).map_err(StartError::from)?;
    match issuer.token(persona).map_err(StartError::from)? {
        Some(token) => print_line(token.expose_secret()),
        None => {
            Err(CliError::Usage("a guest has no token: send no Authorization header".to_owned()))
        }
    }
}
