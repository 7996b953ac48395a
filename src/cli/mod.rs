//! The command line: a file for each command.

mod access;
mod doctor;
mod explain;
mod log;
mod migrate;
mod output;
pub(crate) mod persona_callers;
mod schema;
mod serve;
mod token;
mod usage;

use std::ffi::OsString;
use std::io::Read as _;
use std::process::ExitCode;

use clap::{ArgGroup, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::app::StartError;
use crate::config::{self, ConfigError, EnvFile, Settings};
use crate::identity::{CredentialLocation, Persona};

/// A GraphQL API server for teams whose front end signs users in with Better Auth.
#[derive(Debug, Parser)]
#[command(
    name = "hallpass",
    version,
    about,
    max_term_width = 100,
    after_help = "Each secret NAME can be read from a file instead: NAME_FILE (or --name-file) holds its path."
)]
pub struct Cli {
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Action>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Migrate the database, then serve. What `hallpass` does without a command
    Serve {
        /// Leave the database's tables as they are
        #[arg(long)]
        no_migrate: bool,
    },
    /// Change the tables of the database
    #[command(arg_required_else_help = false)]
    Migrate {
        /// Which way
        #[command(subcommand)]
        direction: Direction,
    },
    /// Print the schema, sorted
    Schema {
        /// Exit with 1 when schema.graphql differs
        #[arg(long)]
        check: bool,
        /// Print what this persona sees of it
        #[arg(long = "as", value_name = "PERSONA", conflicts_with = "check")]
        persona: Option<Persona>,
    },
    /// Print who may use which field
    Access {
        /// Exit with 1 when access.md differs
        #[arg(long)]
        check: bool,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// Say what differs from a table kept with --json, and exit with 1 when any caller may do more
        #[arg(long, value_name = "OLD.json", conflicts_with_all = ["check", "json"])]
        diff: Option<String>,
    },
    /// Say of each field of a document whether a caller may use it, and why. Nothing is executed
    #[command(group = ArgGroup::new("caller").args(["persona", "token"]).required(true))]
    Explain {
        /// As this persona
        #[arg(long = "as", value_name = "PERSONA")]
        persona: Option<Persona>,
        /// As the caller whom this bearer token shows; - reads it from stdin
        #[arg(long, value_name = "T")]
        token: Option<String>,
        /// The document; - reads it from stdin
        query: String,
    },
    /// Check the whole set-up, or explain one credential: what is wrong, and the setting to change.
    /// Without a credential, the auth server is asked about a hundred times, to see its rate limit
    Doctor {
        /// A token, as it is or as `Bearer …`; - reads it from stdin
        #[arg(long, value_name = "T", conflicts_with = "cookie")]
        token: Option<String>,
        /// A Cookie header, or one `name=value`; - reads it from stdin
        #[arg(long, value_name = "C", conflicts_with = "api_key")]
        cookie: Option<String>,
        /// An API key; - reads it from stdin
        #[arg(long, value_name = "K", conflicts_with = "token")]
        api_key: Option<String>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a development token
    Token {
        /// For whom
        #[arg(long = "as", value_name = "PERSONA")]
        persona: Persona,
    },
}

/// Which way to migrate.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Direction {
    /// Apply what is not applied yet
    Up,
    /// Take the last migration back
    Down,
    /// List the migrations
    Status,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// A check did not hold.
    #[error("{0}")]
    Check(String),
    /// The server did not start, or failed.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl CliError {
    /// 0 fine, 1 a check failed, 2 wrong usage or configuration.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_)
            | Self::Start(
                StartError::Config(_)
                | StartError::Listen { .. }
                | StartError::Pooler
                | StartError::RowSecurity(_),
            ) => ExitCode::from(2),
            Self::Check(_) | Self::Start(_) => ExitCode::FAILURE,
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            error.exit_code()
        }
    }
}

fn run() -> Result<(), CliError> {
    let command = command();
    let file = config::read_env_file(&command)?;
    for warning in config::check_names(&command, &file)? {
        output::print_error(format_args!("warning: {warning}"));
    }
    let cli = parse_from(command, &file, std::env::args_os())?;
    match cli.command.unwrap_or(Action::Serve { no_migrate: false }) {
        Action::Serve { no_migrate } => serve::run(&cli.settings.check()?, no_migrate),
        Action::Migrate { direction } => migrate::run(&cli.settings.check()?, direction),
        Action::Schema { check, persona: None } => schema::run(check),
        Action::Schema { persona: Some(persona), .. } => {
            schema::print_for_persona(&cli.settings.check()?, persona)
        }
        Action::Access { diff: Some(old), .. } => access::diff(&cli.settings.check()?, &old),
        Action::Access { check, json, diff: None } => {
            access::run(&cli.settings.check()?, check, json)
        }
        Action::Explain { persona, token, query } => {
            explain::run(&cli.settings.check()?, persona, token, query)
        }
        Action::Doctor { token, cookie, api_key, json } => {
            let token = token.map(|text| (CredentialLocation::Authorization, text));
            let cookie = cookie.map(|text| (CredentialLocation::Cookie, text));
            let api_key = api_key.map(|text| (CredentialLocation::ApiKey, text));
            let shown = token.or(cookie).or(api_key);
            doctor::run(&cli.settings.check()?, shown, json)
        }
        Action::Token { persona } => token::run(&cli.settings.check()?, persona),
    }
}

/// The command line, on which every setting may stand before or after the command.
#[must_use]
pub fn command() -> Command {
    config::with_secret_files(Cli::command()).mut_args(|argument| {
        match argument.get_id().as_str() {
            "help" | "version" => argument,
            _ => argument.global(true),
        }
    })
}

/// Reads a command line, whose first word is the program, and the environment, and what they leave out from
/// files.
///
/// # Errors
/// When it is not understood: one sentence, which repeats nothing that may be a secret.
pub fn parse_from(
    command: Command,
    file: &EnvFile,
    line: impl IntoIterator<Item = OsString>,
) -> Result<Cli, CliError> {
    let command = config::without_empty(command)?;
    let line: Vec<_> = line.into_iter().collect();
    let wrong_usage = |error| usage::wrong(&error, &line);
    let given = command.clone().try_get_matches_from(&line).map_err(wrong_usage)?;
    let more = config::more_flags(&command, &given, file)?;
    let more = more.into_iter().map(OsString::from);
    let mut words = line.iter().cloned();
    let all: Vec<_> = words.next().into_iter().chain(more).chain(words).collect();
    let matches = command.try_get_matches_from(all).map_err(wrong_usage)?;
    Cli::from_arg_matches(&matches).map_err(wrong_usage)
}

/// A runtime for a command that talks to the database.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Check(format!("the runtime did not start: {error}")))?
        .block_on(work)
}

/// More than any credential or document is long.
const LONGEST: u64 = 64 * 1024;

/// What was given, or what is on stdin for `-`, so that a credential need not stand in the shell's history.
fn or_stdin(given: String) -> Result<String, CliError> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| CliError::Usage(format!("what stands on stdin is no text: {error}")))?;
    Ok(text)
}

/// Prints `text`, or says whether the file `name` holds just that.
fn print_or_check(check: bool, name: &str, text: &str, command: &str) -> Result<(), CliError> {
    if !check {
        return output::print(text);
    }
    match std::fs::read_to_string(name) {
        Ok(kept) if kept == text => Ok(()),
        Ok(_) => Err(CliError::Check(format!(
            "{name} is out of date: write it with `{command} > {name}`"
        ))),
        Err(error) => Err(CliError::Check(format!("{name} cannot be read ({error})"))),
    }
}
