//! Settings of the application itself, beside those of the server.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};

use super::sources::variable;
use super::{ConfigError, Settings, invalid};

/// The heading of settings without one.
const HEADING: &str = "Application";

/// The ids and flags of the options of the commands, which settings cannot have: settings are options of every command.
pub(crate) const COMMAND_OPTIONS: [&str; 39] = [
    "api-key",
    "api_key",
    "as",
    "as_env",
    "bypasses",
    "caller",
    "check",
    "client",
    "confirmed-ago",
    "confirmed_ago",
    "cookie",
    "diff",
    "env",
    "fields",
    "file",
    "format",
    "git",
    "help",
    "impersonated",
    "json",
    "kind",
    "live",
    "name",
    "no-migrate",
    "no_migrate",
    "nullability",
    "path",
    "permission",
    "permissions",
    "persona",
    "plural",
    "query",
    "role",
    "roles",
    "scope",
    "scopes",
    "tier",
    "token",
    "version",
];

type Value = Arc<dyn Any + Send + Sync>;
type Values = HashMap<TypeId, Value>;
type ReadValue = fn(&ArgMatches) -> Result<(TypeId, Value), clap::Error>;

/// A type of settings: how its options are declared and read.
#[derive(Clone, Copy)]
pub(crate) struct SettingsType {
    name: &'static str,
    augment: fn(Command) -> Command,
    read: ReadValue,
}

impl SettingsType {
    /// The settings of `T`.
    pub(crate) fn of<T: Args + Send + Sync + 'static>() -> Self {
        Self {
            name: type_name::<T>(),
            augment: T::augment_args,
            read: |matches| Ok((TypeId::of::<T>(), Arc::new(T::from_arg_matches(matches)?))),
        }
    }
}

/// The types of settings that an application has.
#[derive(Clone, Default)]
pub(crate) struct OwnSettingsTypes(Vec<SettingsType>);

impl OwnSettingsTypes {
    /// Adds a type.
    pub(crate) fn push(&mut self, settings: SettingsType) {
        self.0.push(settings);
    }

    /// `command` with the options of all types.
    pub(crate) fn augment(&self, command: Command) -> Command {
        self.0.iter().fold(command, |command, settings| {
            (settings.augment)(command.next_help_heading(HEADING))
        })
    }

    /// What is wrong with a declaration; none if all are usable.
    pub(crate) fn problem(&self) -> Option<String> {
        let mut known = options(&Settings::augment_args(Command::new("")));
        known.extend(COMMAND_OPTIONS.map(|long| (long.to_owned(), "the command line".to_owned())));
        for SettingsType { name, augment, .. } in &self.0 {
            for argument in augment(Command::new("")).get_arguments() {
                if let Some(what) = unusable(argument) {
                    return Some(format!("the setting {} of {name} {what}", argument.get_id()));
                }
                for option in names(argument) {
                    if let Some(other) = known.insert(option.clone(), (*name).to_owned()) {
                        return Some(format!(
                            "the setting {option} of {name} is one of {other} too: rename it"
                        ));
                    }
                }
            }
        }
        None
    }

    /// The values that were given.
    ///
    /// # Errors
    /// When a value is missing or invalid.
    pub(crate) fn read(&self, matches: &ArgMatches) -> Result<OwnSettings, ConfigError> {
        let mut settings = OwnSettings::default();
        let mut values = Values::new();
        for SettingsType { name, augment, read } in &self.0 {
            let (id, value) = match read(matches) {
                Ok(read) => read,
                Err(error) => return invalid(format!("the settings of {name}: {error}")),
            };
            values.insert(id, value);
            let arguments = augment(Command::new(""));
            let states = arguments.get_arguments().filter_map(|argument| {
                let name = variable(argument)?.to_owned();
                Some((name, SettingState::of(matches.value_source(argument.get_id().as_str()))))
            });
            settings.states.extend(states);
        }
        settings.values = Arc::new(values);
        Ok(settings)
    }
}

/// The names of the options and variables of `command`, each with whose it is.
fn options(command: &Command) -> HashMap<String, String> {
    let all = command.get_arguments().flat_map(names);
    all.map(|name| (name, "the server's settings".to_owned())).collect()
}

/// The id, the flag and the variable of an argument, and those of the file of a secret.
fn names(argument: &Arg) -> Vec<String> {
    let id = argument.get_id().as_str().to_owned();
    let mut names = vec![id.clone()];
    names.extend(argument.get_long().map(str::to_owned).filter(|long| *long != id));
    if let Some(name) = variable(argument) {
        names.push(name.to_owned());
        if argument.is_hide_env_values_set() {
            names.push(format!("{name}_FILE"));
        }
    }
    names
}

/// Why an argument cannot be a setting.
fn unusable(argument: &Arg) -> Option<&'static str> {
    if argument.get_long().is_none() || argument.get_env().is_none() {
        return Some("has no flag and variable: write #[arg(long, env)]");
    }
    if argument.get_short().is_some() {
        return Some("has a short flag: remove `short`");
    }
    if argument.is_required_set() {
        return Some(
            "is required, also by commands that do not need it: give it a default, or the type Option",
        );
    }
    if !argument.get_action().takes_values() {
        return Some("takes no value: write #[arg(long, env, action = clap::ArgAction::Set)]");
    }
    None
}

/// Whether a setting of the application has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingState {
    /// It was given.
    Given,
    /// It has its default.
    Default,
    /// It has no value.
    Unset,
}

impl SettingState {
    fn of(source: Option<ValueSource>) -> Self {
        match source {
            Some(ValueSource::DefaultValue) => Self::Default,
            Some(_) => Self::Given,
            None => Self::Unset,
        }
    }
}

/// The settings of an application, as given by flags, the environment and `.env`.
#[derive(Clone, Default)]
pub struct OwnSettings {
    values: Arc<Values>,
    states: Vec<(String, SettingState)>,
}

impl OwnSettings {
    /// The settings of the type `T`.
    ///
    /// # Errors
    /// If the application has no such settings.
    pub fn get<T: Any>(&self) -> Result<&T, NoSuchSettings> {
        let value = self.values.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref());
        value.ok_or_else(|| NoSuchSettings(type_name::<T>()))
    }

    /// The variable of each setting, and whether it has a value. Values are not shown.
    pub fn states(&self) -> impl Iterator<Item = (&str, SettingState)> {
        self.states.iter().map(|(name, state)| (name.as_str(), *state))
    }
}

impl fmt::Debug for OwnSettings {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_map().entries(self.states()).finish()
    }
}

/// The application was built without settings of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the application has no settings of the type {0}: add .settings::<{0}>() to its builder")]
pub struct NoSuchSettings(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Args)]
    struct Prices {
        /// Where prices come from
        #[arg(long, env)]
        prices_url: Option<String>,
    }

    #[derive(Args)]
    struct Flag {
        #[arg(long, env)]
        prices: bool,
    }

    #[derive(Args)]
    struct Required {
        #[arg(long, env)]
        prices_name: String,
    }

    #[derive(Args)]
    struct OfTheServer {
        #[arg(long, env)]
        api_port: Option<u16>,
    }

    #[derive(Args)]
    struct OfACommand {
        #[arg(long, env = "PRICES_TOKEN")]
        token: Option<String>,
    }

    #[derive(Args)]
    struct Variable {
        #[arg(long, env = "JWT_SECRET_FILE")]
        prices_secret: Option<String>,
    }

    #[derive(Args)]
    struct Bare {
        #[arg(long)]
        prices_currency: Option<String>,
    }

    fn problem(types: &[SettingsType]) -> String {
        OwnSettingsTypes(types.to_vec()).problem().unwrap_or_default()
    }

    #[test]
    fn setting_with_a_taken_name_is_a_problem() {
        assert_eq!(problem(&[SettingsType::of::<Prices>()]), "");
        for (settings, expected) in [
            (SettingsType::of::<OfTheServer>(), "setting api_port of"),
            (SettingsType::of::<OfACommand>(), "one of the command line too"),
            (SettingsType::of::<Variable>(), "JWT_SECRET_FILE of"),
        ] {
            let problem = problem(&[settings]);
            assert!(problem.contains(expected) && problem.contains("rename it"), "{problem}");
        }
        let twice = problem(&[SettingsType::of::<Prices>(), SettingsType::of::<Prices>()]);
        assert!(twice.contains("prices_url of") && twice.contains("Prices too"), "{twice}");
    }

    #[test]
    fn setting_without_a_variable_is_a_problem() {
        for (settings, expected) in [
            (SettingsType::of::<Bare>(), "write #[arg(long, env)]"),
            (SettingsType::of::<Flag>(), "action = clap::ArgAction::Set"),
            (SettingsType::of::<Required>(), "the type Option"),
        ] {
            assert!(problem(&[settings]).contains(expected), "{}", problem(&[settings]));
        }
    }

    #[test]
    fn settings_are_read_by_their_type() {
        let mut types = OwnSettingsTypes::default();
        types.push(SettingsType::of::<Prices>());
        let read = |line: &[&str]| {
            let matches = types.augment(Command::new("shop")).try_get_matches_from(line).unwrap();
            types.read(&matches).unwrap()
        };
        let given = read(&["shop", "--prices-url", "https://prices.example"]);
        let url = given.get::<Prices>().ok().and_then(|prices| prices.prices_url.as_deref());
        assert_eq!(url, Some("https://prices.example"));
        assert_eq!(format!("{given:?}"), "{\"PRICES_URL\": Given}");
        assert_eq!(format!("{:?}", read(&["shop"])), "{\"PRICES_URL\": Unset}");
        let missing = given.get::<Bare>().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(missing.contains("Bare>() to its builder"), "{missing}");
    }
}
