//! `new app`: generates an application.

use std::path::Path;
use std::sync::Arc;

use async_graphql::{EmptySubscription, MergedObject};

use super::changes::{Changes, is_crate_name};
use super::name::Name;
use super::template::fill;
use crate::Hallpass;
use crate::access::SchemaView;
use crate::application::Application;
use crate::cli::{self, CliError};
use crate::config::{Config, Settings};
use crate::core_schema::{CoreMutation, CoreQuery};
use clap::FromArgMatches as _;

/// Names of the crates that an application uses.
const CRATES: [&str; 9] = [
    "alloc",
    "async_graphql",
    "core",
    "hallpass",
    "sea_orm",
    "sea_orm_migration",
    "std",
    "tokio",
    "uuid",
];

/// Where an application gets Hallpass from.
pub(super) enum Source<'a> {
    /// A directory with the repository.
    Path(&'a Path),
    /// The URL of the repository.
    Git(&'a str),
}

/// Generates an application in the new directory `name`.
///
/// # Errors
/// One sentence. Then nothing is changed.
pub(super) fn generate(name: &str, source: &Source<'_>) -> Result<Changes, CliError> {
    let snake = name.replace('-', "_");
    if !is_crate_name(name) || CRATES.contains(&snake.as_str()) {
        return Err(CliError::Usage(format!(
            "NAME is `{name}`: give a name of a crate in lower case, such as my-notes"
        )));
    }
    let root = Path::new(name);
    if root.exists() {
        return Err(CliError::Usage(format!("NAME is `{name}`, which exists here: give another")));
    }
    let core = core();
    let values = [("source", dependency(source)?), ("name", name.to_owned()), ("crate", snake)];
    let mut changes = Changes::of_directory(root);
    for (file, template) in [
        ("Cargo.toml", include_str!("templates/app/Cargo.toml.txt")),
        ("src/main.rs", include_str!("templates/app/main.rs.txt")),
        ("src/lib.rs", include_str!("templates/app/lib.rs.txt")),
        ("tests/api/main.rs", include_str!("templates/app/tests.rs.txt")),
        ("README.md", include_str!("templates/app/README.md.txt")),
        (".gitignore", include_str!("templates/app/gitignore.txt")),
        ("rustfmt.toml", include_str!("templates/app/rustfmt.toml.txt")),
    ] {
        changes.create(file, fill(template, &values)).map_err(CliError::Usage)?;
    }
    let sdl = core.schema().build(SchemaView::FULL, true).sdl();
    changes.create("schema.graphql", sdl).map_err(CliError::Usage)?;
    changes.create("access.md", access_table(&core, name)?).map_err(CliError::Usage)?;
    Ok(changes)
}

/// The dependency, as Cargo spells it.
fn dependency(source: &Source<'_>) -> Result<String, CliError> {
    let usage = |text: String| Err(CliError::Usage(text));
    let (key, value) = match source {
        Source::Git(url) => ("git", (*url).to_owned()),
        Source::Path(path) => {
            let crate_path = path.join("crates/hallpass");
            if !crate_path.join("Cargo.toml").is_file() {
                return usage(format!(
                    "--path is `{}`, which has no crates/hallpass/Cargo.toml: give the directory of the Hallpass \
                     repository",
                    path.display()
                ));
            }
            // The new directory is below this one.
            let seen = match crate_path.is_absolute() {
                true => crate_path,
                false => Path::new("..").join(crate_path),
            };
            ("path", seen.display().to_string())
        }
    };
    if value.is_empty() || value.contains(['"', '\\']) || value.contains(char::is_control) {
        return usage(format!(
            "--{key} cannot be written to Cargo.toml: remove quotes and backslashes"
        ));
    }
    Ok(format!("{key} = \"{value}\""))
}

/// All queries of an application without domains.
#[derive(MergedObject, Default)]
struct Query(CoreQuery);

/// All mutations of an application without domains.
#[derive(MergedObject, Default)]
struct Mutation(CoreMutation);

/// An application without domains.
fn core() -> Arc<Application> {
    Hallpass::<Query, Mutation, EmptySubscription>::builder().build()
}

/// The access table of an application with this name, without domains.
fn access_table(application: &Application, name: &str) -> Result<String, CliError> {
    let parsed = cli::command(application).try_get_matches_from([application.name()]);
    let settings = parsed.and_then(|matches| Settings::from_arg_matches(&matches));
    let settings = settings.map_err(|error| CliError::Usage(error.to_string()))?;
    let config = application.configure(settings.check()?);
    cli::access_table(application, &Config { program: name.to_owned(), ..config })
}

/// Checks that the names of a domain are none of the core's.
pub(super) fn check_schema_name(name: &Name, plural: &Name) -> Result<(), String> {
    let types = core().schema().types(SchemaView::FULL);
    let (object, suffixes) = (name.pascal(), ["", "Event", "Filter", "Order", "Connection"]);
    let has_type = suffixes.iter().any(|it| types.types.contains_key(&format!("{object}{it}")));
    let query = types.types.get("Query");
    let fields = [name.camel(), plural.camel()];
    let has_field =
        query.is_some_and(|query| fields.iter().any(|it| query.field_by_name(it).is_some()));
    match has_type || has_field {
        true => Err(format!(
            "the core's schema has another `{}`: use a longer name, such as my{object}",
            name.camel()
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    /// The versions that an application depends on are those of this repository.
    #[test]
    fn versions_of_dependencies_are_current() {
        let parse = |text: &str| text.parse::<toml::Table>().unwrap();
        let workspace = parse(include_str!("../../../../../Cargo.toml"));
        let template = include_str!("templates/app/Cargo.toml.txt");
        let application =
            parse(&template.replace("«source»", "path = \"\"").replace(['«', '»'], ""));
        let version = |dependency: &toml::Value| {
            let version = dependency.as_str().or_else(|| dependency.get("version")?.as_str());
            version.map(str::to_owned)
        };
        let known = workspace["workspace"]["dependencies"].as_table().unwrap();
        for (name, dependency) in application["dependencies"].as_table().unwrap() {
            if name != "hallpass" {
                assert_eq!(version(dependency), version(&known[name]), "{name}");
            }
        }
    }
}
