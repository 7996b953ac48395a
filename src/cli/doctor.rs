//! `hallpass doctor`

use std::io::IsTerminal as _;

use super::output::{print, print_line};
use super::{CliError, block_on, or_stdin};
use crate::app;
use crate::config::Config;
use crate::identity::CredentialLocation;

pub(super) fn run(
    config: &Config,
    shown: Option<(CredentialLocation, String)>,
    json: bool,
) -> Result<(), CliError> {
    let shown = match shown {
        Some((place, text)) => Some((place, or_stdin(text)?)),
        None => None,
    };
    let pasted = shown.as_ref().map(|(place, text)| (*place, text.as_str()));
    let report = block_on(async { Ok(app::doctor(config).await?.examine(pasted).await) })?;
    if json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| CliError::Check(format!("the report is no JSON: {error}")))?;
        print_line(text)?;
    } else {
        print(report.to_text(std::io::stdout().is_terminal()))?;
    }
    if report.is_wrong() {
        return Err(CliError::Check("something is wrong: see what was found".to_owned()));
    }
    Ok(())
}
