//! Command line: arguments, and one file for each command.

mod access;
mod demo;
mod doctor;
mod documents;
mod explain;
mod health;
mod help;
mod log;
mod migrate;
mod new;
mod output;
pub(crate) mod persona_callers;
mod refusals;
mod request_lines;
mod schema;
mod serve;
mod settings;
mod token;
mod usage;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{
    ArgGroup, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};

use crate::app::StartError;
use crate::application::Application;
use crate::config::{self, Config, ConfigError, EnvFile, LogFormat, Settings};
pub use new::New;

use hallpass_identity::{CallerProfile, CredentialLocation, Persona};
use schema::SchemaForm;

/// The command line.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct Cli {
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Action>,
}

impl Cli {
    /// The format of warnings: that of the log, for the command that has one.
    fn message_format(&self) -> LogFormat {
        match self.command {
            None | Some(Action::Serve { .. }) => self.settings.serving.log_format,
            Some(_) => LogFormat::Text,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Migrate the database and serve (the default command)
    Serve {
        /// Do not migrate the database
        #[arg(long)]
        no_migrate: bool,
    },
    /// Apply, revert or list migrations of the database
    #[command(arg_required_else_help = false)]
    Migrate {
        /// Direction
        #[command(subcommand)]
        direction: Direction,
    },
    /// Print the GraphQL schema (SDL)
    Schema {
        /// Exit with 1 if schema.graphql differs
        #[arg(long)]
        check: bool,
        /// Print the schema as this persona sees it
        #[arg(long = "as", value_name = "PERSONA", conflicts_with = "check")]
        persona: Option<String>,
        /// The form
        #[command(flatten)]
        form: SchemaForm,
    },
    /// Print the access table: who may use which field
    Access {
        /// Exit with 1 if access.md differs
        #[arg(long)]
        check: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print the registered ways around the scopes, with their reasons
        #[arg(long, conflicts_with_all = ["check", "diff"])]
        bypasses: bool,
        /// Print the differences from a table written with --json; exit with 1 if any caller has more access
        #[arg(long, value_name = "OLD.json", conflicts_with_all = ["check", "json"])]
        diff: Option<String>,
    },
    /// Show for each field of a document whether a caller may use it, and why
    ///
    /// The document is not executed
    #[command(group = ArgGroup::new("caller").args(CALLERS).required(true).multiple(true))]
    Explain {
        /// Evaluate as this persona
        #[arg(long = "as", value_name = "PERSONA", conflicts_with_all = ["token", "described"])]
        persona: Option<String>,
        /// Evaluate as the caller of this bearer token; - reads it from stdin
        #[arg(long, value_name = "T", conflicts_with = "described")]
        token: Option<String>,
        /// Evaluate as a described caller
        #[command(flatten)]
        profile: Box<CallerProfile>,
        /// The GraphQL document, or one field such as `Query.me`; - reads it from stdin
        query: String,
    },
    /// Check the setup, or explain why a credential is rejected
    ///
    /// Reports each problem with the setting to change. Without a credential, sends about a hundred requests to the
    /// auth server, to check its rate limit
    Doctor {
        /// A bearer token, with or without `Bearer`; - reads it from stdin
        #[arg(long, value_name = "T", conflicts_with = "cookie")]
        token: Option<String>,
        /// A Cookie header or one `name=value`; - reads it from stdin
        #[arg(long, value_name = "C", conflicts_with = "api_key")]
        cookie: Option<String>,
        /// An API key; - reads it from stdin
        #[arg(long, value_name = "K", conflicts_with = "token")]
        api_key: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check the trusted documents of a client
    #[command(arg_required_else_help = false)]
    Documents {
        /// What to do
        #[command(subcommand)]
        command: Documents,
    },
    /// Check that a running server is ready
    ///
    /// Asks `/ready` of the server at API_HOST and API_PORT, and exits with 1 if it does not answer 200 within three
    /// seconds. No other setting is needed
    Health {
        /// Ask `/health`: whether the process runs
        #[arg(long)]
        live: bool,
    },
    /// Load the demo content into the database: what has no owner, such as courses
    Demo,
    /// Generate an application, or a domain of one
    #[command(arg_required_else_help = false)]
    New {
        /// What to generate
        #[command(subcommand)]
        new: New,
    },
    /// Print the tables of docs/settings.md
    #[command(hide = true)]
    Settings {
        /// Print the lines of .env.example
        #[arg(long = "env")]
        as_env: bool,
    },
    /// Print a development token
    Token {
        /// Persona to issue the token for
        #[arg(long = "as", value_name = "PERSONA")]
        persona: String,
    },
}

/// The options of `hallpass explain` of which it needs one.
const CALLERS: [&str; 6] = ["persona", "token", "kind", "roles", "permissions", "tier"];

/// The commands of trusted documents.
#[derive(Clone, Debug, Subcommand)]
pub enum Documents {
    /// Report which documents are not valid with this schema, or for which personas
    Check {
        /// The manifest of the client's build
        file: PathBuf,
    },
}

/// Direction of a migration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Direction {
    /// Apply all pending migrations
    Up,
    /// Revert the last migration
    Down,
    /// List the migrations and their state
    Status,
}

/// Error of a command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// A check failed.
    #[error("{0}")]
    Check(String),
    /// The server did not start or failed.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl CliError {
    /// 1: a check failed; 2: wrong usage or configuration.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_)
            | Self::Start(
                StartError::Config(_)
                | StartError::Listen { .. }
                | StartError::Pooler
                | StartError::Routes(_)
                | StartError::RowSecurity(_),
            ) => ExitCode::from(2),
            Self::Check(_) | Self::Start(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs the command line of this process, as that of `application`.
#[must_use]
pub fn main(application: &Arc<Application>) -> ExitCode {
    use_small_pages();
    match run(application) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(application, &error);
            error.exit_code()
        }
    }
}

/// Uses no transparent huge pages, which Linux gives to large areas of memory: a page of 2 MiB stays in memory for the few
/// bytes in use of it.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "failed to disable transparent huge pages");
    }
}

fn run(application: &Arc<Application>) -> Result<(), CliError> {
    let command = self::command(application);
    let file = config::read_env_file(&command)?;
    let warnings = config::check_names(&command, &file)?;
    let parsed = parse_from(command, &file, std::env::args_os());
    let format = parsed.as_ref().map_or(LogFormat::Text, |(cli, _)| cli.message_format());
    for warning in warnings {
        output::print_warning(application, format, &warning);
    }
    let (cli, matches) = parsed?;
    let serving = cli.settings.serving.clone();
    let config = || {
        let config = application.configure(cli.settings.check()?);
        Ok::<_, ConfigError>(Config { own: application.own_settings(&matches)?, ..config })
    };
    match cli.command.unwrap_or(Action::Serve { no_migrate: false }) {
        Action::Serve { no_migrate } => serve::run(application, &config()?, no_migrate),
        Action::Migrate { direction } => migrate::run(application, &config()?, direction),
        Action::Demo => demo::run(application, &config()?),
        Action::Schema { check: true, .. } => schema::check(application),
        Action::Schema { persona: None, form, .. } => schema::print_all(application, &form),
        Action::Schema { persona: Some(persona), form, .. } => {
            schema::print_for_persona(application, &config()?, &persona, &form)
        }
        Action::Access { diff: Some(old), .. } => access::diff(application, &config()?, &old),
        Action::Access { bypasses: true, json, .. } => access::print_bypasses(application, json),
        Action::Access { check, json, .. } => access::run(application, &config()?, check, json),
        Action::Explain { persona, token, profile, query } => {
            explain::run(application, &config()?, (persona, token), &profile, query)
        }
        Action::Doctor { token, cookie, api_key, json } => {
            let token = token.map(|text| (CredentialLocation::Authorization, text));
            let cookie = cookie.map(|text| (CredentialLocation::Cookie, text));
            let api_key = api_key.map(|text| (CredentialLocation::ApiKey, text));
            let credential = token.or(cookie).or(api_key);
            doctor::run(application, &config()?, credential, json)
        }
        Action::Documents { command: Documents::Check { file } } => {
            documents::check(application, &config()?, &file)
        }
        Action::Health { live } => health::run(&serving, live),
        Action::New { new } => new::run(&new),
        Action::Settings { as_env: false } => {
            output::print(settings::tables(&self::command(application)))
        }
        Action::Settings { as_env: true } => {
            output::print(settings::env_lines(&self::command(application)))
        }
        Action::Token { persona } => token::run(&config()?, &persona),
    }
}

/// The clap command. All settings are global, so they may appear before or after the subcommand.
#[must_use]
pub fn command(application: &Application) -> Command {
    let command = Cli::command()
        .name(application.name())
        .version(version(application))
        .about(application.about());
    let command = application.with_settings(command);
    let command =
        config::with_secret_files(command).mut_args(|argument| match argument.get_id().as_str() {
            "help" | "version" => argument,
            "tiers" => {
                argument.global(true).hide_short_help(true).default_value(application.tiers())
            }
            _ => argument.global(true).hide_short_help(true),
        });
    help::with_settings(with_personas(command, application.personas()))
}

/// The version, with the commit if it is known.
fn version(application: &Application) -> String {
    match application.commit() {
        Some(commit) => format!("{} ({commit})", application.version()),
        None => application.version().to_owned(),
    }
}

/// Makes the names of `personas` the values of `--as` of each command.
fn with_personas(command: Command, personas: &[Persona]) -> Command {
    let names = personas.iter().map(|it| PossibleValue::new(it.name).help(it.help));
    let parser = PossibleValuesParser::new(names);
    command.mut_subcommands(|subcommand| {
        subcommand.mut_args(|argument| match argument.get_id().as_str() {
            "persona" => argument.value_parser(parser.clone()),
            _ => argument,
        })
    })
}

/// Parses a command line: the commands with the server's settings, and all options, among which are the application's.
/// Its first word is the program, the environment and, for missing values, files.
///
/// # Errors
/// A usage error, one sentence without secrets.
pub fn parse_from(
    command: Command,
    file: &EnvFile,
    line: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, ArgMatches), CliError> {
    let command = config::without_empty(command)?;
    let line: Vec<_> = line.into_iter().collect();
    let all = command.clone();
    let wrong_usage = |error| usage::usage_error(&error, &line, &all);
    let given = command.clone().try_get_matches_from(&line).map_err(wrong_usage)?;
    let more = config::more_flags(&command, &given, file)?;
    let more = more.into_iter().map(OsString::from);
    let mut words = line.iter().cloned();
    let complete: Vec<_> = words.next().into_iter().chain(more).chain(words).collect();
    let matches = command.try_get_matches_from(complete).map_err(wrong_usage)?;
    Ok((Cli::from_arg_matches(&matches).map_err(wrong_usage)?, matches))
}

/// The access table of `application`, as `access` prints it.
pub(crate) fn access_table(
    application: &Application,
    config: &config::Config,
) -> Result<String, CliError> {
    Ok(block_on(access::table(application, config))?.to_markdown(&config.program))
}

/// Runs `work` on a new Tokio runtime.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Check(format!("the runtime did not start: {error}")))?
        .block_on(work)
}

/// Size limit of input from stdin: more than any credential or document has.
const MAX_STDIN_BYTES: u64 = 64 * 1024;

/// The given value, or stdin for `-`, so that credentials do not appear in the shell history.
fn or_stdin(given: String) -> Result<String, CliError> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_STDIN_BYTES).read_to_string(&mut text);
    read.map_err(|error| CliError::Usage(format!("stdin is not valid text: {error}")))?;
    Ok(text)
}

/// Prints `text`, or with `check` compares it with the file `name`.
fn print_or_check(check: bool, name: &str, text: &str, command: &str) -> Result<(), CliError> {
    if !check {
        return output::print(text);
    }
    match std::fs::read_to_string(name) {
        Ok(kept) if kept == text => Ok(()),
        Ok(_) => Err(CliError::Check(format!(
            "{name} is out of date: update it with `{command} > {name}`"
        ))),
        Err(error) => Err(CliError::Check(format!("{name} cannot be read ({error})"))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::COMMAND_OPTIONS;

    fn options(command: &Command) -> BTreeSet<String> {
        let names = |it: &clap::Arg| [Some(it.get_id().to_string()), it.get_long().map(Into::into)];
        let own = command.get_arguments().flat_map(names).flatten();
        let subcommands = command.get_subcommands();
        own.chain(subcommands.flat_map(options)).collect()
    }

    #[test]
    fn every_option_of_a_command_is_reserved() {
        let commands: Vec<_> = Cli::command().get_subcommands().map(options).collect();
        let found: BTreeSet<_> = commands.into_iter().flatten().collect();
        let reserved = COMMAND_OPTIONS.map(str::to_owned);
        let generated = ["help", "version"].map(str::to_owned);
        assert_eq!(
            found.union(&generated.into()).cloned().collect::<BTreeSet<_>>(),
            reserved.into()
        );
    }
}
