//! Output of commands. A closed pipe, as with `head`, is not an error.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

use chrono::SecondsFormat;
use hallpass_data::now;
use serde_json::json;

use super::CliError;
use crate::application::Application;
use crate::config::LogFormat;

/// Writes `text` to stdout.
///
/// # Errors
/// If it cannot be written, except for a closed pipe.
pub(super) fn print(text: impl Display) -> Result<(), CliError> {
    let mut stdout = stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Check(format!("the output cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes `text` and a line break to stdout.
///
/// # Errors
/// As [`print`].
pub(super) fn print_line(text: impl Display) -> Result<(), CliError> {
    print(format_args!("{text}\n"))
}

/// Writes a warning to stderr, in the format of the log.
pub(super) fn print_warning(application: &Application, format: LogFormat, text: &str) {
    match format {
        LogFormat::Text => print_error(application, format_args!("warning: {text}")),
        LogFormat::Json => {
            let _written = writeln!(stderr(), "{}", json_warning(text));
        }
    }
}

fn json_warning(text: &str) -> serde_json::Value {
    let time = now().to_rfc3339_opts(SecondsFormat::Micros, true);
    json!({"timestamp": time, "level": "WARN", "message": text, "target": "hallpass::config"})
}

/// Writes an error to stderr. Failure to write is ignored: the exit code reports errors too.
pub(super) fn print_error(application: &Application, text: impl Display) {
    let _written = writeln!(stderr(), "{}: {text}", application.name());
}
