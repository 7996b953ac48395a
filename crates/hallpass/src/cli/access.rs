//! `hallpass access`: prints the access table, and compares it with an older one.

use serde::Serialize;

use super::output::{print, print_line};
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, print_or_check};
use crate::access::SchemaView;
use crate::access_report::{AccessChange, Column, Table};
use crate::app;
use crate::application::Application;
use crate::config::Config;
use hallpass_identity::CallerKind;

pub(super) fn run(
    application: &Application,
    config: &Config,
    check: bool,
    json: bool,
) -> Result<(), CliError> {
    let table = block_on(table(application, config))?;
    if json {
        let text = serde_json::to_string_pretty(&table)
            .map_err(|error| CliError::Check(format!("the table cannot be serialized: {error}")))?;
        return print_line(text);
    }
    print_or_check(
        check,
        "access.md",
        &table.to_markdown(application.name()),
        &format!("{} access", application.name()),
    )
}

/// Prints the differences from the table in `file`; fails if any caller has more access.
pub(super) fn diff(application: &Application, config: &Config, file: &str) -> Result<(), CliError> {
    let usage = |what: String| {
        CliError::Usage(format!(
            "{file} {what}: create the file with `{} access --json > {file}`",
            application.name()
        ))
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| usage(format!("cannot be read ({error})")))?;
    let old = Table::from_json(&text).map_err(|error| usage(error.to_string()))?;
    let new = block_on(table(application, config))?;
    if old.callers != new.callers {
        return Err(usage("has other kinds of callers".to_owned()));
    }
    let changes = AccessChange::between(&old, &new).map_err(|error| usage(error.to_string()))?;
    for change in &changes {
        print_line(change.describe(application.name()))?;
    }
    let undecided = changes.iter().filter(|change| change.is_undecided()).count();
    let widened = changes.iter().filter(|change| change.is_widening()).count() - undecided;
    let places = |number| format!("{number} {}", if number == 1 { "place" } else { "places" });
    let problem = match (widened, undecided) {
        (0, 0) => return Ok(()),
        (_, 0) => format!("access is widened in {}", places(widened)),
        _ => format!("access is widened in {}, and undecided in {undecided} more", places(widened)),
    };
    Err(CliError::Check(problem))
}

/// Prints the bypasses of the core and of the domains.
pub(super) fn print_bypasses(application: &Application, json: bool) -> Result<(), CliError> {
    let all: Vec<_> = application
        .bypasses()
        .map(|(domain, bypass)| Entry { domain, name: bypass.name(), reason: bypass.reason() })
        .collect();
    if json {
        let text = serde_json::to_string_pretty(&all)
            .map_err(|error| CliError::Check(format!("the list cannot be serialized: {error}")))?;
        return print_line(text);
    }
    let rows = all.iter().map(|Entry { domain, name, reason }| {
        format!("| {domain} | {name} | {} |\n", reason.replace('|', "\\|"))
    });
    print(format!("| domain | bypass | reason |\n|---|---|---|\n{}", rows.collect::<String>()))
}

/// A bypass, in the list of all.
#[derive(Serialize)]
struct Entry {
    domain: &'static str,
    name: &'static str,
    reason: &'static str,
}

/// The access table, with a column for each persona and for the owner of a row: the first user among them.
pub(super) async fn table(application: &Application, config: &Config) -> Result<Table, CliError> {
    let mut columns = Vec::new();
    let mut owner = None;
    for (persona, caller) in PersonaCallers::new(config)?.callers().await? {
        let user = caller.as_ref().filter(|caller| caller.kind() == CallerKind::User);
        owner = owner.or_else(|| user.cloned());
        columns.push(Column { name: persona.name.to_owned(), caller, is_owner: false });
    }
    columns.push(Column { name: "owner".to_owned(), caller: owner, is_owner: true });
    let (types, policy) = (application.schema().types(SchemaView::FULL), app::policy(config));
    let mut table = Table::of(&types, &columns, &policy, config.ownership_denial)
        .map_err(|error| CliError::Check(error.to_string()))?;
    let full_clients = config.identity.full_clients.iter().cloned().collect();
    table.settings.insert("OAUTH_FULL_CLIENTS".to_owned(), full_clients);
    Ok(table)
}
