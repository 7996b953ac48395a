//! `hallpass doctor`: checks the setup, and explains a credential.

use std::io::IsTerminal as _;

use super::output::{print, print_line};
use super::{CliError, block_on, or_stdin};
use crate::app;
use crate::application::Application;
use crate::config::Config;
use hallpass_identity::CredentialLocation;

pub(super) fn run(
    application: &Application,
    config: &Config,
    credential: Option<(CredentialLocation, String)>,
    json: bool,
) -> Result<(), CliError> {
    let credential = match credential {
        Some((location, text)) => Some((location, or_stdin(text)?)),
        None => None,
    };
    let pasted = credential.as_ref().map(|(location, text)| (*location, text.as_str()));
    let report =
        block_on(async { Ok(app::doctor(application, config).await?.examine(pasted).await) })?;
    if json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| {
            CliError::Check(format!("the report cannot be serialized: {error}"))
        })?;
        print_line(text)?;
    } else {
        print(report.to_text(std::io::stdout().is_terminal()))?;
    }
    if report.is_wrong() {
        return Err(CliError::Check("problems were found: see the report".to_owned()));
    }
    Ok(())
}
