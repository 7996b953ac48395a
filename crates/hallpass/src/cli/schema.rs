//! `hallpass schema`: prints the schema.

use super::output::print;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, print_or_check};
use crate::access::{SchemaView, Subject};
use crate::app;
use crate::application::Application;
use crate::config::Config;

pub(super) fn run(application: &Application, check: bool) -> Result<(), CliError> {
    let sdl = application.schema().build(SchemaView::FULL, true).sdl();
    print_or_check(check, "schema.graphql", &sdl, &format!("{} schema", application.name()))
}

/// Prints the schema that the persona `name` sees.
pub(super) fn print_for_persona(
    application: &Application,
    config: &Config,
    name: &str,
) -> Result<(), CliError> {
    let caller = block_on(async { PersonaCallers::new(config)?.caller(name).await })?;
    let view = SchemaView::of(Subject { caller: caller.as_deref(), policy: &app::policy(config) });
    print(application.schema().build(view, true).sdl())
}
