//! `hallpass settings`: the settings as Markdown tables, one for each group, or as lines of `.env.example`.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The tables of docs/settings.md.
pub(super) fn tables(command: &Command) -> String {
    let mut text = String::new();
    let mut group = "";
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let (Some(heading), Some(row)) = (argument.get_help_heading(), row(argument)) else {
            continue;
        };
        if heading != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            group = heading;
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{gap}## {group}\n\n| variable | default | meaning |\n|---|---|---|\n"
            );
        }
        text += &row;
    }
    text
}

/// The lines of .env.example: each setting with its default, below its meaning.
pub(super) fn env_lines(command: &Command) -> String {
    let mut text = String::new();
    let mut group = "";
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let (Some(heading), Some(variable)) = (argument.get_help_heading(), argument.get_env())
        else {
            continue;
        };
        if heading != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            group = heading;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{gap}# --- {group} ---");
        }
        let default = argument.get_default_values().first();
        let default = default.map(|value| value.to_string_lossy()).unwrap_or_default();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "# {}\n# {}={default}", one_line(&help), variable.to_string_lossy());
    }
    text
}

/// A text without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn row(argument: &Arg) -> Option<String> {
    let variable = argument.get_env()?.to_str()?;
    let default = argument.get_default_values().first();
    let default = default.map(|value| format!("`{}`", value.to_string_lossy())).unwrap_or_default();
    let meaning = argument.get_long_help().or(argument.get_help())?.to_string();
    let meaning = one_line(&meaning).replace('|', "\\|");
    Some(format!("| `{variable}` | {default} | {meaning} |\n"))
}
