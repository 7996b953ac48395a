//! What is wrong with a command line or a setting: one sentence that names it and the fix.

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use super::{CliError, command};
use crate::config::{HttpUrl, HttpUrlText, Origin, UserLookupUrl};

/// No value is repeated that is longer.
const LONGEST_SHOWN: usize = 100;
/// No word is taken for the name of a command that is longer.
const LONGEST_COMMAND: usize = 12;

/// What is wrong with `line`, in a sentence that repeats no secret.
pub(super) fn wrong(error: &clap::Error, line: &[OsString]) -> CliError {
    CliError::Usage(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        ErrorKind::MissingRequiredArgument => missing(error),
        ErrorKind::MissingSubcommand => {
            let place = place(error);
            format!("`{}` needs a command: {}", place.join(" "), commands(&place))
        }
        ErrorKind::InvalidSubcommand => unknown_command(error, line),
        ErrorKind::UnknownArgument => unknown_option(error),
        _ => match (text(error, ContextKind::InvalidArg), text(error, ContextKind::InvalidValue)) {
            (Some(argument), Some(value)) => invalid_value(error, argument, value),
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

/// The command that was used wrong: `hallpass`, and the commands below it.
fn place(error: &clap::Error) -> Vec<String> {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else {
        return vec!["hallpass".to_owned()];
    };
    let usage = usage.to_string();
    let words = usage.split_whitespace().skip_while(|word| *word != "hallpass");
    let is_name = |word: &&str| word.starts_with(char::is_alphabetic);
    let names: Vec<_> = words.take_while(is_name).map(str::to_owned).collect();
    if names.is_empty() { vec!["hallpass".to_owned()] } else { names }
}

/// The commands that there are at `place`.
fn commands(place: &[String]) -> String {
    let all = command();
    let found = place.iter().skip(1).try_fold(&all, |below, name| below.find_subcommand(name));
    let names = found.unwrap_or(&all).get_subcommands().map(Command::get_name);
    names.filter(|name| *name != "help").collect::<Vec<_>>().join(", ")
}

/// Arguments that have to be given and are not.
fn missing(error: &clap::Error) -> String {
    let place = place(error).join(" ");
    let Some(ContextValue::Strings(arguments)) = error.get(ContextKind::InvalidArg) else {
        return first_line(error);
    };
    let named = arguments.iter().map(|it| it.replace(['<', '>'], "").replace('|', " or "));
    let named = named.collect::<Vec<_>>().join(", and ");
    format!("`{place}` needs {named}: see `{place} --help`")
}

/// A word that is no command. It may be a part of a secret that has a blank: then it is not repeated.
fn unknown_command(error: &clap::Error, line: &[OsString]) -> String {
    let place = place(error);
    let word = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let before = line.iter().take_while(|it| it.to_str() != Some(word));
    let is_after_secret = before.filter_map(|it| it.to_str()).any(is_secret_flag);
    let is_name = word.len() <= LONGEST_COMMAND && word.bytes().all(|it| it.is_ascii_lowercase());
    let holds_an_address = line.iter().any(|it| it.to_string_lossy().contains(['@', ':']));
    if is_after_secret || holds_an_address || !is_name {
        return stray_word();
    }
    format!("`{word}` is no command: use one of {}", commands(&place))
}

/// Whether `word` is the flag of a secret, with its value or without.
fn is_secret_flag(word: &str) -> bool {
    let flag = word.split('=').next().and_then(|flag| flag.strip_prefix("--"));
    let is_it = |argument: &Arg| argument.get_long() == flag && argument.is_hide_env_values_set();
    flag.is_some() && command().get_arguments().any(is_it)
}

fn unknown_option(error: &clap::Error) -> String {
    let word = text(error, ContextKind::InvalidArg).and_then(|word| word.split('=').next());
    match word {
        Some(option) if option.starts_with("--") && is_harmless(option) => {
            format!("{option} is no option: see `hallpass --help`")
        }
        _ => stray_word(),
    }
}

fn stray_word() -> String {
    "there is a word that is no command and no option's value: see `hallpass --help`; a value with a blank \
     stands in quotes"
        .to_owned()
}

/// A value that a setting or an option does not accept.
fn invalid_value(error: &clap::Error, argument: &str, value: &str) -> String {
    let variable = argument.split(['<', '>']).nth(1).unwrap_or(argument).replace('-', "_");
    let all = command();
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
        (None, _) => "give it one".to_owned(),
    };
    if value.is_empty() {
        format!("{name} has no value: {why}")
    } else if may_be_shown(value, setting) {
        format!("{name} is `{value}`: {why}")
    } else {
        format!("{name}: {why}")
    }
}

/// `why`, with the setting's default as an example where it has none.
fn with_example(why: &str, setting: Option<&Arg>) -> String {
    let default = setting.and_then(|setting| setting.get_default_values().first());
    match default {
        Some(default) if !why.contains("such as") => {
            format!("{why}, such as {}", default.display())
        }
        Some(_) | None => why.to_owned(),
    }
}

/// Whether a value may be repeated. Secrets are not, nor addresses that may hold a password or a part of one.
fn may_be_shown(value: &str, setting: Option<&Arg>) -> bool {
    let is_printable = value.chars().count() <= LONGEST_SHOWN && !value.contains(char::is_control);
    let is_open = setting.is_some_and(|it| !it.is_hide_env_values_set() && !is_address(it));
    let is_address = value.contains("//") || value.contains(['@', '?', '#']);
    is_printable && (is_harmless(value) || is_open && !is_address)
}

/// Whether the setting is an address of the web.
fn is_address(setting: &Arg) -> bool {
    let kinds = [
        TypeId::of::<HttpUrl>(),
        TypeId::of::<HttpUrlText>(),
        TypeId::of::<UserLookupUrl>(),
        TypeId::of::<Origin>(),
    ];
    kinds.iter().any(|kind| setting.get_value_parser().type_id() == *kind)
}

/// Whether a word is made of letters, digits and what separates them.
fn is_harmless(value: &str) -> bool {
    value.chars().all(|letter| letter.is_alphanumeric() || "-_., ".contains(letter))
}

/// What else clap says.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}
