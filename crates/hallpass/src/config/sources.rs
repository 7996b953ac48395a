//! Sources of settings: flags, the environment, files named by `NAME_FILE`, and `.env`, in this order.

use std::env::VarError;
use std::io::Read as _;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::dotenv::EnvFile;
use super::{ConfigError, invalid};

/// Settings whose empty value has a meaning: no role inheritance.
const EMPTY_COUNTS: [&str; 1] = ["ROLE_INHERITS"];
/// Settings that restrict what is accepted: an empty value would accept everything, and is rejected.
const NEVER_EMPTY: [&str; 3] = ["JWT_SECRET_ISSUER", "JWT_SECRET_AUDIENCE", "COOKIE_CACHE_VERSION"];
/// Settings that configure an authentication method: without any, the server runs in development mode.
pub(super) const IDENTITY_SOURCES: [&str; 7] = [
    "BETTER_AUTH_URL",
    "AUTH_SERVICE_URL",
    "AUTH_SERVER_URL",
    "JWKS_URL",
    "JWT_SECRET",
    "OIDC_ISSUER",
    "API_KEY_VERIFY_URL",
];
/// Maximum size of a file with a secret, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The name of the variable behind a setting.
pub(super) fn variable(argument: &Arg) -> Option<&str> {
    argument.get_env()?.to_str()
}

/// `command` with a setting `NAME_FILE` beside each secret `NAME`.
#[must_use]
pub fn with_secret_files(command: Command) -> Command {
    let secrets = command.get_arguments().filter(|argument| argument.is_hide_env_values_set());
    let files: Vec<_> =
        secrets.filter_map(|argument| Some(secret_file(variable(argument)?))).collect();
    command.args(files)
}

fn secret_file(name: &str) -> Arg {
    Arg::new(file_id(name))
        .long(format!("{}-file", name.to_lowercase().replace('_', "-")))
        .env(format!("{name}_FILE"))
        .value_name("FILE")
        .help(format!("File that holds {name}"))
        .hide(true)
}

fn file_id(name: &str) -> String {
    format!("{}_file", name.to_lowercase())
}

/// `command`, which treats an empty variable as unset.
///
/// # Errors
/// On a setting that must not be empty, or is not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the reader of the environment")]
pub fn without_empty(mut command: Command) -> Result<Command, ConfigError> {
    let is_no_text = |name: &&str| matches!(std::env::var(name), Err(VarError::NotUnicode(_)));
    if let Some(name) = command.get_arguments().filter_map(variable).find(is_no_text) {
        return invalid(format!("{name} is not valid UTF-8: write it again"));
    }
    let is_empty = |name: &&str| std::env::var(name).is_ok_and(|value| value.trim().is_empty());
    let empty: Vec<_> = command
        .get_arguments()
        .filter(|argument| variable(argument).as_ref().is_some_and(is_empty))
        .map(|argument| {
            (argument.get_id().clone(), variable(argument).unwrap_or_default().to_owned())
        })
        .collect();
    for (id, name) in empty {
        reject_empty(&name)?;
        if !EMPTY_COUNTS.contains(&name.as_str()) {
            command = command.mut_arg(id, |argument| argument.env(None));
        }
    }
    Ok(command)
}

fn reject_empty(name: &str) -> Result<(), ConfigError> {
    if NEVER_EMPTY.contains(&name) {
        return invalid(format!(
            "{name} is empty, which would accept any: give a value, or remove the setting"
        ));
    }
    Ok(())
}

/// The settings given by neither flags nor the environment, as flags: from secret files and from `.env`.
///
/// # Errors
/// When a file cannot be read, a secret is given twice, or every authentication method has an empty value.
pub fn more_flags(
    command: &Command,
    given: &ArgMatches,
    file: &EnvFile,
) -> Result<Vec<String>, ConfigError> {
    let mut flags = Vec::new();
    let mut sources = Sources::default();
    for argument in command.get_arguments() {
        let (Some(flag), Some(name)) = (argument.get_long(), flag_variable(argument)) else {
            continue;
        };
        let is_given = is_given(given, argument.get_id().as_str());
        let value = match (secret_of_file(&name, given, file)?, file.get(&name)) {
            (Some(_), said) if is_given || said.is_some_and(is_present) => {
                return invalid(format!("{name} and {name}_FILE are both set: remove one of them"));
            }
            (Some(secret), _) => Some(secret),
            (None, said) => from_env_file(&name, said)?.filter(|_| !is_given),
        };
        sources.note(&name, is_given || value.is_some(), argument, file);
        flags.extend(value.map(|value| format!("--{flag}={value}")));
    }
    sources.reject_development()?;
    Ok(flags)
}

/// The variable of a setting, which may have been taken from its argument because it is empty.
fn flag_variable(argument: &Arg) -> Option<String> {
    match variable(argument) {
        Some(name) => Some(name.to_owned()),
        None if ["help", "version"].contains(&argument.get_id().as_str()) => None,
        None => Some(argument.get_long()?.to_uppercase().replace('-', "_")),
    }
}

fn is_present(value: &str) -> bool {
    !value.trim().is_empty()
}

fn is_given(given: &ArgMatches, id: &str) -> bool {
    let known = given.try_contains_id(id).is_ok();
    known
        && matches!(
            given.value_source(id),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
}

fn from_env_file(name: &str, said: Option<&str>) -> Result<Option<String>, ConfigError> {
    match said {
        Some(value) if is_present(value) || EMPTY_COUNTS.contains(&name) => {
            Ok(Some(value.to_owned()))
        }
        Some(_) => reject_empty(name).map(|()| None),
        None => Ok(None),
    }
}

/// The content of the file that `NAME_FILE` names.
fn secret_of_file(
    name: &str,
    given: &ArgMatches,
    file: &EnvFile,
) -> Result<Option<String>, ConfigError> {
    let setting = format!("{name}_FILE");
    let id = file_id(name);
    let said = match is_given(given, &id) {
        true => given.get_one::<String>(&id).map(String::as_str),
        false if given.try_contains_id(&id).is_ok() => {
            file.get(&setting).filter(|it| is_present(it))
        }
        false => None,
    };
    said.map(|path| read_secret(&setting, Path::new(path))).transpose()
}

fn read_secret(setting: &str, path: &Path) -> Result<String, ConfigError> {
    let shown = path.display();
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    if let Err(error) = read {
        return invalid(format!(
            "{setting} names {shown}, which cannot be read ({error}): give the path of a text file \
             that this user may read"
        ));
    }
    let secret = text.trim_end_matches(['\n', '\r']);
    if text.len() as u64 > MAX_FILE_BYTES {
        return invalid(format!(
            "{setting} names {shown}, which is larger than 64 KiB: it is no secret"
        ));
    }
    if !is_present(secret) {
        return invalid(format!(
            "{setting} names {shown}, which is empty: write the secret into it"
        ));
    }
    Ok(secret.to_owned())
}

/// Which authentication methods are configured, and which have an empty value.
#[derive(Default)]
struct Sources {
    is_any_set: bool,
    is_environment_set: bool,
    empty: Option<String>,
}

impl Sources {
    fn note(&mut self, name: &str, is_set: bool, argument: &Arg, file: &EnvFile) {
        if name == "HALLPASS_ENV" {
            self.is_environment_set = is_set;
        }
        if !IDENTITY_SOURCES.contains(&name) {
            return;
        }
        self.is_any_set |= is_set;
        if !is_set && (argument.get_env().is_none() || file.get(name).is_some()) {
            self.empty.get_or_insert_with(|| name.to_owned());
        }
    }

    /// Development mode opens the server to every process of this machine: an empty value must not enable it.
    fn reject_development(self) -> Result<(), ConfigError> {
        match self.empty {
            Some(name) if !self.is_any_set && !self.is_environment_set => invalid(format!(
                "{name} is empty, and nothing else signs callers in: give it a value, or set \
                 HALLPASS_ENV=development to serve development tokens"
            )),
            _ => Ok(()),
        }
    }
}
