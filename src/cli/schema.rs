//! `hallpass schema`: prints the schema.

use super::output::print;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, print_or_check};
use crate::access::{SchemaView, Subject};
use crate::app;
use crate::config::Config;
use crate::schema;
use hallpass_identity::Persona;

pub(super) fn run(check: bool) -> Result<(), CliError> {
    let sdl = schema::sdl(&schema::build(true));
    print_or_check(check, "schema.graphql", &sdl, "hallpass schema")
}

/// Prints the schema that `persona` sees.
pub(super) fn print_for_persona(config: &Config, persona: Persona) -> Result<(), CliError> {
    let caller = block_on(async { PersonaCallers::new(config)?.caller(persona).await })?;
    let view = SchemaView::of(Subject { caller: caller.as_deref(), policy: &app::policy(config) });
    print(schema::sdl(&view.build(|| schema::build(true))))
}
