//! Usage errors: one sentence that names the invalid argument or setting, and the fix. Never repeats a secret.

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use reqwest::Url;

use super::CliError;
use crate::config::{HttpUrl, Origin, RawHttpUrl, UserLookupUrl};

/// Longer values are not repeated in errors.
const MAX_SHOWN_CHARS: usize = 100;
/// Longer words are not taken for misspelled commands.
const MAX_COMMAND_BYTES: usize = 12;

/// The usage error of the command `all` for `line`, without secrets.
pub(super) fn usage_error(error: &clap::Error, line: &[OsString], all: &Command) -> CliError {
    CliError::Usage(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        ErrorKind::MissingRequiredArgument => missing(error, all),
        ErrorKind::MissingSubcommand => {
            let command_path = command_path(error, all);
            format!(
                "`{}` needs a command: {}",
                command_path.join(" "),
                commands(&command_path, all)
            )
        }
        ErrorKind::InvalidSubcommand => unknown_command(error, line, all),
        ErrorKind::UnknownArgument => unknown_option(error, all),
        _ => match (text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue)) {
            (Some(argument), Some(value)) => invalid_value(error, argument, value, all),
            _ => first_line(error),
        },
    })
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The path of the command in question: `hallpass` and its subcommands.
fn command_path(error: &clap::Error, all: &Command) -> Vec<String> {
    let program = all.get_name();
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return vec![program.to_owned()];
    };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word != program);
    let is_name = |word: &&str| word.starts_with(char::is_alphabetic);
    let names: Vec<_> = words.take_while(is_name).map(str::to_owned).collect();
    if names.is_empty() { vec![program.to_owned()] } else { names }
}

/// The subcommands at `path`.
fn commands(command_path: &[String], all: &Command) -> String {
    let found =
        command_path.iter().skip(1).try_fold(all, |below, name| below.find_subcommand(name));
    let names = found.unwrap_or(all).get_subcommands().map(Command::get_name);
    names.filter(|name| *name != "help").collect::<Vec<_>>().join(", ")
}

/// Missing required arguments.
fn missing(error: &clap::Error, all: &Command) -> String {
    let command_path = command_path(error, all).join(" ");
    let Some(ContextValue::Strings(arguments)) = error.get(ContextKind::InvalidArg) else {
        return first_line(error);
    };
    let named = arguments.iter().map(|it| it.replace(['<', '>'], "").replace('|', " or "));
    let named = named.collect::<Vec<_>>().join(", and ");
    format!("`{command_path}` needs {named}: see `{command_path} --help`")
}

/// An unknown command. The word may be part of a secret with a space; then it is not repeated.
fn unknown_command(error: &clap::Error, line: &[OsString], all: &Command) -> String {
    let command_path = command_path(error, all);
    let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let before = line.iter().take_while(|it| it.to_str() != Some(word));
    let is_after_secret = before.filter_map(|it| it.to_str()).any(|word| is_secret_flag(word, all));
    let is_name = word.len() <= MAX_COMMAND_BYTES && word.bytes().all(|it| it.is_ascii_lowercase());
    let holds_an_address = line.iter().any(|it| it.to_string_lossy().contains(['@', ':']));
    if is_after_secret || holds_an_address || !is_name {
        return stray_word(all);
    }
    format!("`{word}` is not a command: use one of {}", commands(&command_path, all))
}

/// Whether `word` is the flag of a secret, with its value or without.
fn is_secret_flag(word: &str, all: &Command) -> bool {
    let flag = word.split('=').next().and_then(|flag| flag.strip_prefix("--"));
    let is_it = |argument: &Arg| argument.get_long() == flag && argument.is_hide_env_values_set();
    flag.is_some() && all.get_arguments().any(is_it)
}

fn unknown_option(error: &clap::Error, all: &Command) -> String {
    let word = text(error, ContextKind::InvalidArg).and_then(|word| word.split('=').next());
    match word {
        Some(option) if option.starts_with("--") && is_harmless(option) => {
            format!("{option} is not an option: see `{} --help`", all.get_name())
        }
        _ => stray_word(all),
    }
}

fn stray_word(all: &Command) -> String {
    format!(
        "unexpected word, which is not a command and not the value of an option: see `{} --help`; quote values \
         with spaces",
        all.get_name()
    )
}

/// A value that a setting or an option does not accept.
fn invalid_value(error: &clap::Error, argument: &str, value: &str, all: &Command) -> String {
    let variable = argument.split(['<', '>']).nth(1).unwrap_or(argument).replace('-', "_");
    let is_setting =
        |it: &&Arg| it.get_env().is_some_and(|variable_of| variable_of == variable.as_str());
    let setting = all.get_arguments().find(is_setting);
    let name = match setting {
        Some(_) => variable.as_str(),
        None => argument.split(' ').next().unwrap_or(argument),
    };
    let why = match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => with_example(&source.to_string(), setting),
        (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("use one of {}", valid.join(", "))
        }
        (None, _) => "give a value".to_owned(),
    };
    if value.is_empty() {
        format!("{name} has no value: {why}")
    } else if is_safe_to_show(value, setting) {
        format!("{name} is `{value}`: {why}")
    } else {
        format!("{name}: {why}")
    }
}

/// `why`, with the setting's default as an example if it has none.
fn with_example(why: &str, setting: Option<&Arg>) -> String {
    let default = setting.and_then(|setting| setting.get_default_values().first());
    match default {
        Some(default) if !why.contains("such as") => {
            format!("{why}, such as {}", default.display())
        }
        Some(_) | None => why.to_owned(),
    }
}

/// Whether a value may be repeated in an error: not secrets, nor URLs that may contain a password.
fn is_safe_to_show(value: &str, setting: Option<&Arg>) -> bool {
    let is_printable =
        value.chars().count() <= MAX_SHOWN_CHARS && !value.contains(char::is_control);
    let is_open = setting.is_some_and(|it| !it.is_hide_env_values_set() && !is_address(it));
    let is_address = value.contains("//") || value.contains(['@', '?', '#']);
    is_printable && (is_harmless(value) || is_open && !is_address)
}

/// Whether the setting is a URL.
fn is_address(setting: &Arg) -> bool {
    let kinds = [
        TypeId::of::<Url>(),
        TypeId::of::<HttpUrl>(),
        TypeId::of::<RawHttpUrl>(),
        TypeId::of::<UserLookupUrl>(),
        TypeId::of::<Origin>(),
    ];
    kinds.iter().any(|kind| setting.get_value_parser().type_id() == *kind)
}

/// Whether a value has only letters, digits and separators.
fn is_harmless(value: &str) -> bool {
    value.chars().all(|letter| letter.is_alphanumeric() || "-_., ".contains(letter))
}

/// The first line of a clap error.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}
