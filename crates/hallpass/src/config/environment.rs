//! Names of environment variables: detects misspelled settings.

use clap::Command;

use super::dotenv::EnvFile;
use super::sources::{IDENTITY_SOURCES, variable};
use super::{ConfigError, invalid};

/// Shorter names are not compared: too many differ by one letter.
const MIN_NAME_LENGTH: usize = 6;

/// The variables of `.env` in this directory; none if the file does not exist.
///
/// # Errors
/// When the file cannot be read, or a line that begins with a setting's name is not an assignment.
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

/// How the names of the program's own variables begin.
const PREFIX: &str = "HALLPASS_";
/// A variable of the build. `cargo run` sets it for the program too.
const BUILD_COMMIT: &str = "HALLPASS_COMMIT";

/// Rejects an unknown `HALLPASS_…` variable, and one whose name is a misspelled setting that has no value
/// otherwise: in `.env`, or if no authentication method is configured. Returns warnings for the others.
///
/// # Errors
/// On the first one, with the existing names.
pub fn check_names(command: &Command, file: &EnvFile) -> Result<Vec<String>, ConfigError> {
    let known = names(command);
    let environment = of_environment();
    let in_file: Vec<_> = file.iter().map(|(name, _)| name.to_owned()).collect();
    let is_set = |name: &str| environment.iter().chain(&in_file).any(|it| it == name);
    let mut warnings = Vec::new();
    for (name, is_in_file) in
        environment.iter().map(|name| (name, false)).chain(in_file.iter().map(|name| (name, true)))
    {
        if known.contains(&name.as_str()) || (name == BUILD_COMMIT && !is_in_file) {
            continue;
        }
        if name.starts_with(PREFIX) {
            return invalid(unknown_prefixed(name, &known));
        }
        let Some(meant) = known.iter().find(|known| is_misspelling(name, known)) else { continue };
        let is_source =
            IDENTITY_SOURCES.contains(meant) && !IDENTITY_SOURCES.iter().any(|it| is_set(it));
        if !is_set(meant) && (is_in_file || is_source) {
            return invalid(format!(
                "{name} is not a setting: write {meant}, or set {meant} as well if another program \
                 needs {name}"
            ));
        }
        warnings.push(format!("{name} is not a setting and is ignored: did you mean {meant}?"));
    }
    Ok(warnings)
}

/// What to write in place of `name`, which begins as the settings of the program itself.
fn unknown_prefixed(name: &str, known: &[&str]) -> String {
    let bare = name.strip_prefix(PREFIX).unwrap_or(name);
    let is_meant = |it: &&&str| **it == bare || is_misspelling(bare, it);
    if let Some(meant) = known.iter().find(is_meant) {
        return format!("{name} is not a setting: write {meant}");
    }
    let own: Vec<_> = known.iter().filter(|it| it.starts_with(PREFIX)).copied().collect();
    format!("{name} is not a setting: remove it, or write {}", own.join(", "))
}

/// The variables of every setting.
fn names(command: &Command) -> Vec<&str> {
    command.get_arguments().filter_map(variable).collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the reader of the environment")]
fn of_environment() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Whether `name` differs from `known` in case, or by one letter that is missing, added, replaced or
/// transposed.
fn is_misspelling(name: &str, known: &str) -> bool {
    name.len().min(known.len()) >= MIN_NAME_LENGTH
        && (name.eq_ignore_ascii_case(known) || strsim::osa_distance(name, known) == 1)
}

#[cfg(test)]
mod tests {
    use super::{is_misspelling, unknown_prefixed};

    #[test]
    fn prefix_of_a_setting_is_removed() {
        let known = ["HALLPASS_ENV", "RATE_LIMIT", "API_PORT"];
        for (name, fix) in [
            ("HALLPASS_RATE_LIMIT", "write RATE_LIMIT"),
            ("HALLPASS_RATE_LIMTI", "write RATE_LIMIT"),
            ("HALLPASS_API_PORT", "write API_PORT"),
            ("HALLPASS_NONSENSE", "remove it, or write HALLPASS_ENV"),
        ] {
            let message = unknown_prefixed(name, &known);
            assert_eq!(message, format!("{name} is not a setting: {fix}"));
        }
    }

    #[test]
    fn misspelling_is_one_letter_or_case() {
        for name in [
            "BETTER_AUTH_ULR",
            "BETTER_AUTH_UR",
            "BETTER_AUTH_URLS",
            "BETTERAUTH_URL",
            "BETTER-AUTH_URL",
            "better_auth_url",
        ] {
            assert!(is_misspelling(name, "BETTER_AUTH_URL"), "{name}");
        }
        for name in ["BETTER_AUTH_BASE_URL", "AUTH_URL", "NEXT_PUBLIC_URL", "BETTER_AUTH_URLLS"] {
            assert!(!is_misspelling(name, "BETTER_AUTH_URL"), "{name}");
        }
        assert!(!is_misspelling("TIER", "TIERS"), "too short to compare");
    }
}
