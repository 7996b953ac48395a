//! `hallpass token`: prints a development token.

use secrecy::ExposeSecret as _;

use super::CliError;
use super::output::print_line;
use crate::app::StartError;
use crate::config::{Config, Environment};
use hallpass_identity::DevTokenIssuer;

/// Prints a token for the persona `name`.
pub(super) fn run(config: &Config, name: &str) -> Result<(), CliError> {
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
            "no development key in {}: start `{} serve`, and run this in the same directory",
            here.display(),
            config.program
        )));
    }
    let issuer =
        DevTokenIssuer::load_or_create(&config.development_key).map_err(StartError::from)?;
    let persona = config.identity.personas.iter().find(|persona| persona.name == name);
    let token = persona.map(|persona| issuer.token(persona)).transpose();
    match token.map_err(StartError::from)?.flatten() {
        Some(token) => print_line(token.expose_secret()),
        None => {
            Err(CliError::Usage("a guest has no token: send no Authorization header".to_owned()))
        }
    }
}
