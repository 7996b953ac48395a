//! Help texts: `-h` lists the names of the settings by group, `--help` describes each of them.

use clap::{Arg, Command};

/// Width of the list of settings, with the line break.
const LINE_WIDTH: usize = 99;
/// Width of the column of group names.
const GROUP_WIDTH: usize = 16;

/// Shown at the end of `--help`.
const SECRET_FILES: &str =
    "Each secret NAME can be read from a file instead: NAME_FILE (or --name-file) holds its path.";

/// Shown at the end of the short help of a command.
const SETTINGS_ELSEWHERE: &str =
    "Settings, as variables or flags: -h without a command lists them, --help describes them.";

/// Adds the list of settings to the short help of `command`, and a hint to that of its subcommands.
pub(super) fn with_settings(command: Command) -> Command {
    let settings = settings_by_group(&command);
    let command = command.after_help(settings).after_long_help(SECRET_FILES);
    command.mut_subcommands(with_hint)
}

fn with_hint(command: Command) -> Command {
    let command = command.after_help(SETTINGS_ELSEWHERE).after_long_help(SECRET_FILES);
    command.mut_subcommands(with_hint)
}

/// The variables of all settings, one paragraph for each help heading.
fn settings_by_group(command: &Command) -> String {
    let mut text =
        "Settings, as variables or flags (API_PORT or --api-port); described by --help:".to_owned();
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let (Some(group), Some(variable)) = (argument.get_help_heading(), variable(argument))
        else {
            continue;
        };
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, variables)) => variables.push(variable),
            None => groups.push((group, vec![variable])),
        }
    }
    for (group, variables) in groups {
        let mut line = format!("\n  {group:<GROUP_WIDTH$}");
        for variable in variables {
            if line.len() + variable.len() > LINE_WIDTH {
                text += line.trim_end();
                line = format!("\n{:1$}", "", GROUP_WIDTH + 2);
            }
            line += variable;
            line.push(' ');
        }
        text += line.trim_end();
    }
    text
}

fn variable(argument: &Arg) -> Option<&str> {
    argument.get_env()?.to_str()
}
