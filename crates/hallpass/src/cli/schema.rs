//! `hallpass schema`: prints the schema.

use clap::{Args, ValueEnum};

use super::output::print;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on, print_or_check};
use crate::access::{SchemaView, Subject};
use crate::app;
use crate::application::Application;
use crate::config::Config;
use crate::schema::{Nullability, introspection_json};

/// The form in which the schema is printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct SchemaForm {
    /// How fields are stated that are null only with an error: by `@semanticNonNull`, as non-null, or as nullable
    #[arg(long, value_enum, default_value = "semantic", conflicts_with = "check")]
    nullability: Nullability,
    /// SDL, or the result of the introspection query as JSON
    #[arg(long, value_enum, default_value = "sdl", conflicts_with = "check")]
    format: SchemaFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaFormat {
    Sdl,
    Introspection,
}

impl SchemaForm {
    fn print(self, sdl: String) -> Result<(), CliError> {
        let sdl = self.nullability.apply(sdl);
        print(match self.format {
            SchemaFormat::Sdl => sdl,
            SchemaFormat::Introspection => introspection_json(&sdl),
        })
    }
}

/// Checks that `schema.graphql` is the schema.
pub(super) fn check(application: &Application) -> Result<(), CliError> {
    let command = format!("{} schema", application.name());
    print_or_check(true, "schema.graphql", &full_sdl(application), &command)
}

/// Prints the schema.
pub(super) fn print_all(application: &Application, form: &SchemaForm) -> Result<(), CliError> {
    form.print(full_sdl(application))
}

fn full_sdl(application: &Application) -> String {
    application.schema().build(SchemaView::FULL, true).sdl()
}

/// Prints the schema that the persona `name` sees.
pub(super) fn print_for_persona(
    application: &Application,
    config: &Config,
    name: &str,
    form: &SchemaForm,
) -> Result<(), CliError> {
    let caller = block_on(async { PersonaCallers::new(config)?.caller(name).await })?;
    let view = SchemaView::of(Subject { caller: caller.as_deref(), policy: &app::policy(config) });
    form.print(application.schema().build(view, true).sdl())
}
