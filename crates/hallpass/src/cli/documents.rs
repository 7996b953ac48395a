//! `hallpass documents check`: checks the documents of a manifest against the schema and the personas.

use std::path::Path;
use std::sync::Arc;

use super::output::print_line;
use super::persona_callers::PersonaCallers;
use super::{CliError, block_on};
use crate::access::{SchemaView, Subject};
use crate::app;
use crate::application::Application;
use crate::config::Config;
use crate::http::{Checker, read_manifest};
use crate::schema::{SchemaForView, Schemas};

/// A kind of caller, and the schema that it sees.
struct Viewer {
    name: &'static str,
    schema: Arc<SchemaForView>,
}

/// Prints each document that is invalid, and for each valid one the personas whose schema does not have all of its
/// fields.
///
/// # Errors
/// If a document is invalid for every caller, or exceeds a limit.
pub(super) fn check(
    application: &Application,
    config: &Config,
    file: &Path,
) -> Result<(), CliError> {
    let manifest = read_manifest(file)
        .map_err(|reason| CliError::Usage(format!("{}: {reason}", file.display())))?;
    let documents = app::document_cache(application, config);
    let checker = Checker::new(Arc::clone(&documents), application.schema().clone());
    let (full, viewers) = (checker.full_schema(), viewers(application, config)?);
    let (mut invalid, count) = (0_usize, manifest.len());
    for (id, text) in manifest {
        let checked = documents.check(&text, &full);
        let name = name_of(&text).map_or_else(String::new, |name| format!(" ({name})"));
        match checked {
            Err(reason) => {
                invalid += 1;
                print_line(format_args!("{id}{name}: {reason}"))?;
            }
            Ok(document) => {
                let hidden = viewers.iter().filter(|it| document.validate(&it.schema).is_err());
                let hidden: Vec<_> = hidden.map(|viewer| viewer.name).collect();
                if !hidden.is_empty() {
                    let personas = hidden.join(", ");
                    print_line(format_args!("{id}{name}: has fields hidden from {personas}"))?;
                }
            }
        }
    }
    match invalid {
        0 => print_line(format_args!("{count} documents are valid")),
        _ => Err(CliError::Check(format!(
            "{invalid} of {count} documents are not valid with this schema and these limits"
        ))),
    }
}

/// The personas, with their schemas.
fn viewers(application: &Application, config: &Config) -> Result<Vec<Viewer>, CliError> {
    let callers = block_on(async { PersonaCallers::new(config)?.callers().await })?;
    let schemas = Schemas::new(application.schema().clone(), false);
    let policy = app::policy(config);
    let viewer = |(persona, caller): (&'static hallpass_identity::Persona, Option<_>)| {
        let caller: Option<Arc<hallpass_identity::Caller>> = caller;
        let view = SchemaView::of(Subject { caller: caller.as_deref(), policy: &policy });
        Viewer { name: persona.name, schema: schemas.for_view(view) }
    };
    Ok(callers.into_iter().map(viewer).collect())
}

/// The name of the first operation.
fn name_of(document: &str) -> Option<String> {
    let document = async_graphql::parser::parse_query(document).ok()?;
    let (name, _) = document.operations.iter().next()?;
    name.map(ToString::to_string)
}
