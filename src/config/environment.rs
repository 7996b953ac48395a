//! Where settings come from, besides flags: the environment, and `.env`.

use super::{ConfigError, wrong};

/// Takes the variables of `.env`, where there is one, as if they had been set. What is set already
/// counts more.
///
/// # Errors
/// When the file cannot be read.
pub fn load_env_file() -> Result<(), ConfigError> {
    match dotenvy::from_path(".env") {
        Err(error) if !error.not_found() => wrong(format!(
            "the file .env cannot be read ({error}): write one NAME=value on each line"
        )),
        _ => Ok(()),
    }
}

/// Refuses a `HALLPASS_…` variable that is no setting: most likely a slip of the pen.
///
/// # Errors
/// On the first one, with the names there are.
#[expect(clippy::disallowed_methods, reason = "this is the reader of the environment")]
pub fn refuse_unknown_names(command: &clap::Command) -> Result<(), ConfigError> {
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str())
        .filter(|name| name.starts_with("HALLPASS_"))
        .collect();
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("HALLPASS_") && !known.contains(&name) {
            return wrong(format!(
                "{name} is not a setting: remove it, or write {}",
                known.join(", ")
            ));
        }
    }
    Ok(())
}
