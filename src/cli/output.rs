//! What commands print. A reader that closes the pipe early, as `head` does, is no error.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};

use super::CliError;

/// Writes `text` to stdout.
///
/// # Errors
/// When it cannot be written, for another reason than that the reader is gone.
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

/// Writes an error or a warning to stderr. Where an error cannot be written, the exit code alone says it.
pub(super) fn print_error(text: impl Display) {
    let _written = writeln!(stderr(), "hallpass: {text}");
}
