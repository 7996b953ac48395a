//! The names of variables: which of them are settings, and which were meant to be.

use clap::Command;

use super::dotenv::EnvFile;
use super::sources::{IDENTITY_SOURCES, variable};
use super::{ConfigError, invalid};

/// Names that are shorter are not compared: too many differ by one letter.
const SHORTEST: usize = 6;

/// The variables of `.env` in this directory; none where there is no such file.
///
/// # Errors
/// When the file cannot be read, or a line that begins with a setting's name is no assignment.
pub fn read_env_file(command: &Command) -> Result<EnvFile, ConfigError> {
    let file = match std::fs::read(".env") {
        Ok(text) => EnvFile::parse(&String::from_utf8_lossy(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => EnvFile::default(),
        Err(error) => {
            return invalid(format!(
                "the file .env cannot be read ({error}): write one NAME=value on each line"
            ));
        }
    };
    let known = names(command);
    if let Some((line, word)) = file.unread().find(|(_, word)| known.contains(word)) {
        return invalid(format!(
            "line {line} of .env cannot be read: write {word}=value, in quotes if it has a # or a line \
             break"
        ));
    }
    Ok(file)
}

/// Refuses a `HALLPASS_…` variable that is no setting, and one whose name is a slip of the pen for a
/// setting that so stays without a value: in `.env`, or where nothing would sign callers in. Of others the
/// caller is to warn.
///
/// # Errors
/// On the first one, with the names there are.
pub fn check_names(command: &Command, file: &EnvFile) -> Result<Vec<String>, ConfigError> {
    let known = names(command);
    let environment = of_environment();
    let in_file: Vec<_> = file.iter().map(|(name, _)| name.to_owned()).collect();
    let is_set = |name: &str| environment.iter().chain(&in_file).any(|it| it == name);
    let mut warnings = Vec::new();
    for (name, is_in_file) in
        environment.iter().map(|name| (name, false)).chain(in_file.iter().map(|name| (name, true)))
    {
        if known.contains(&name.as_str()) {
            continue;
        }
        if name.starts_with("HALLPASS_") {
            let ours: Vec<_> =
                known.iter().filter(|it| it.starts_with("HALLPASS_")).copied().collect();
            return invalid(format!(
                "{name} is not a setting: remove it, or write {}",
                ours.join(", ")
            ));
        }
        let Some(meant) = known.iter().find(|known| is_slip(name, known)) else { continue };
        let is_source =
            IDENTITY_SOURCES.contains(meant) && !IDENTITY_SOURCES.iter().any(|it| is_set(it));
        if !is_set(meant) && (is_in_file || is_source) {
            return invalid(format!(
                "{name} is not a setting: write {meant}, or set {meant} as well if another program \
                 needs {name}"
            ));
        }
        warnings.push(format!("{name} is not a setting, and is not read: {meant} is one"));
    }
    Ok(warnings)
}

/// The variables of every setting.
fn names(command: &Command) -> Vec<&str> {
    command.get_arguments().filter_map(variable).collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the reader of the environment")]
fn of_environment() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Whether `name` differs from `known` by its capitals, or by one letter that is missing, added, another,
/// or in its neighbour's place.
fn is_slip(name: &str, known: &str) -> bool {
    name.len().min(known.len()) >= SHORTEST
        && (name.eq_ignore_ascii_case(known) || strsim::osa_distance(name, known) == 1)
}

#[cfg(test)]
mod tests {
    use super::is_slip;

    #[test]
    fn slip_is_one_letter_or_its_case() {
        for name in [
            "BETTER_AUTH_ULR",
            "BETTER_AUTH_UR",
            "BETTER_AUTH_URLS",
            "BETTERAUTH_URL",
            "BETTER-AUTH_URL",
            "better_auth_url",
        ] {
            assert!(is_slip(name, "BETTER_AUTH_URL"), "{name}");
        }
        for name in ["BETTER_AUTH_BASE_URL", "AUTH_URL", "NEXT_PUBLIC_URL", "BETTER_AUTH_URLLS"] {
            assert!(!is_slip(name, "BETTER_AUTH_URL"), "{name}");
        }
        assert!(!is_slip("TIER", "TIERS"), "too short to tell");
    }
}
