//! `hallpass doctor`

use std::io::{IsTerminal as _, Read as _};

use super::{CliError, block_on};
use crate::app;
use crate::config::Config;
use crate::identity::Place;

/// More than any credential is long.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(
    config: &Config,
    shown: Option<(Place, String)>,
    json: bool,
) -> Result<(), CliError> {
    let shown = match shown {
        Some((place, text)) if text == "-" => Some((place, read_stdin()?)),
        shown => shown,
    };
    let pasted = shown.as_ref().map(|(place, text)| (*place, text.as_str()));
    let report = block_on(async { Ok(app::doctor(config).await?.examine(pasted).await) })?;
    if json {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|error| CliError::Check(format!("the report is no JSON: {error}")))?;
        println!("{text}");
    } else {
        print!("{}", report.to_text(std::io::stdout().is_terminal()));
    }
    if report.is_wrong() {
        return Err(CliError::Check("something is wrong: see what was found".to_owned()));
    }
    Ok(())
}

/// So that a credential need not stand in the shell's history.
fn read_stdin() -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| CliError::Usage(format!("the credential on stdin is no text: {error}")))?;
    Ok(text)
}
