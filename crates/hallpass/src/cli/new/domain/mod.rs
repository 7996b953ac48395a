//! `new domain`: generates a domain inside an application.

mod input;
mod model;
mod table;
mod tests;
mod types;

use std::path::Path;

use hallpass_data::now;

use super::app;
use super::changes::{Changes, Marker};
use super::field::{Field, KEYWORDS};
use super::name::Name;
use super::template::fill;
use model::Domain;

/// Names of generated code, and of its files: a domain of such a name would not compile.
const USED: [&str; 37] = [
    "application",
    "begun",
    "box",
    "change",
    "column",
    "connection",
    "context",
    "date",
    "date_time",
    "direction",
    "domain",
    "entity",
    "error",
    "execution",
    "filter",
    "id",
    "input",
    "migration",
    "model",
    "mutation",
    "option",
    "owner",
    "page",
    "permission",
    "public",
    "query",
    "relation",
    "result",
    "rule",
    "scope",
    "set",
    "stream",
    "string",
    "subscription",
    "types",
    "update",
    "validator",
];

/// Generates the domain `name` in the application in the directory `root`.
///
/// # Errors
/// One sentence. Then nothing is changed.
pub(super) fn generate(
    root: &Path,
    name: &str,
    plural: Option<&str>,
    fields: &[String],
) -> Result<Changes, String> {
    let mut changes = Changes::of_application(root)?;
    let domain = parse(root, name, plural, fields)?;
    let (notes, crate_name) = (domain.plural.snake(), changes.crate_name()?);
    let values = domain.names(&crate_name);
    let mut add = |file: &str, text: String| {
        changes.create(&format!("src/{notes}/{file}.rs"), fill(&text, &values))
    };
    add(&domain.name.snake(), table::entity(&domain))?;
    add("migration", table::migration(&domain, &version(root)))?;
    add("mod", types::module(&domain))?;
    add("types", types::types(&domain))?;
    add("input", input::input(&domain))?;
    add("query", include_str!("../templates/domain/query.rs.txt").to_owned())?;
    add("mutation", input::mutation(&domain))?;
    add("subscription", include_str!("../templates/domain/subscription.rs.txt").to_owned())?;
    let first = 10 * changes.count("src/lib.rs", "::domain())");
    let test = fill(&tests::tests(&domain, first), &values);
    changes.create(&format!("tests/api/{notes}.rs"), test)?;

    let note = domain.name.pascal();
    changes.insert(&Marker::MODULES, &format!("pub mod {notes};"))?;
    changes.insert(&Marker::QUERIES, &format!("{notes}::{note}Query,"))?;
    changes.insert(&Marker::MUTATIONS, &format!("{notes}::{note}Mutation,"))?;
    changes.insert(&Marker::SUBSCRIPTIONS, &format!("{notes}::{note}Subscription,"))?;
    changes.insert(&Marker::DOMAINS, &format!(".domain({notes}::domain())"))?;
    changes.insert(&Marker::TESTS, &format!("mod {notes};"))?;
    changes.insert(&Marker::SEEDS, &format!(".seed({notes}::seed)"))?;
    Ok(changes)
}

fn parse(
    root: &Path,
    text: &str,
    plural: Option<&str>,
    fields: &[String],
) -> Result<Domain, String> {
    let parse = |text: &str| {
        Name::parse(text).ok_or_else(|| {
            format!(
                "`{text}` is not a name of a domain: use at most 30 ASCII letters and digits, such as note or \
                 meetingNote"
            )
        })
    };
    let name = parse(text)?;
    let plural = plural.map_or_else(|| Ok(name.plural()), parse)?;
    if name == plural {
        return Err(format!("--plural is `{}`, as the name: give another", plural.camel()));
    }
    for (text, name) in [(text, &name), (plural.camel().as_str(), &plural)] {
        let snake = name.snake();
        if KEYWORDS.contains(&snake.as_str()) || USED.contains(&snake.as_str()) {
            return Err(format!(
                "generated code has another `{text}`: use a longer name, such as {}",
                Name::parse(&format!("my_{snake}")).map_or(snake, |name| name.camel())
            ));
        }
    }
    app::check_schema_name(&name, &plural)?;
    if module_of(root, &name).is_some() || root.join("src").join(plural.snake()).exists() {
        return Err(format!(
            "the domain `{}` exists: use another name, or change src/{}",
            name.camel(),
            module_of(root, &name).unwrap_or_else(|| plural.snake())
        ));
    }
    let fields = fields
        .iter()
        .map(|field| Field::parse(field, |name| module_of(root, name)))
        .collect::<Result<Vec<_>, _>>()?;
    if fields.is_empty() {
        return Err(format!(
            "`new domain {text}` needs a field: add NAME:TYPE, such as title:String!"
        ));
    }
    let domain = Domain { name, plural, fields };
    match domain.repeated_name() {
        None => Ok(domain),
        Some((field, name)) => {
            Err(format!("the field `{field}` has the name `{name}`, which another has: rename it"))
        }
    }
}

/// The module of the domain with this name, in singular.
fn module_of(root: &Path, name: &Name) -> Option<String> {
    let table = format!("table_name = \"{}\"", name.snake());
    let modules = std::fs::read_dir(root.join("src")).ok()?.flatten();
    let found = modules.map(|module| module.path()).find(|module| {
        let file = module.join(format!("{}.rs", name.snake()));
        std::fs::read_to_string(file).is_ok_and(|text| text.contains(&table))
    })?;
    found.file_name()?.to_str().map(str::to_owned)
}

/// The start of the name of a migration: after those of all domains, so that a table is created before those that refer
/// to it.
fn version(root: &Path) -> String {
    let mut version = now().format("m%Y%m%d_%H%M%S").to_string();
    let modules = std::fs::read_dir(root.join("src")).into_iter().flatten().flatten();
    for module in modules {
        let text = std::fs::read_to_string(module.path().join("migration.rs")).unwrap_or_default();
        for (at, _) in text.match_indices("\"m") {
            let Some(known) = text.get(at + 1..at + 1 + version.len()) else { continue };
            if known >= version.as_str() {
                version = after(known);
            }
        }
    }
    version
}

/// The version after `version`: `m20270101_000010` after `m20270101_000009`.
fn after(version: &str) -> String {
    let (day, number) = version.split_once('_').unwrap_or((version, "0"));
    let number: u32 = number.parse().unwrap_or(0);
    format!("{day}_{:06}", number + 1)
}

#[cfg(test)]
mod unit {
    use super::after;

    #[test]
    fn migration_versions_ascend() {
        assert_eq!(after("m20270101_000009"), "m20270101_000010");
    }
}
