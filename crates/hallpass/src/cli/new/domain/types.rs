//! The module of a domain, and its GraphQL types.

use super::super::field::{Field, Kind, Target};
use super::super::template::fill;
use super::model::{Domain, description, each};

pub(super) fn module(domain: &Domain) -> String {
    let mut loaders = String::new();
    for target in targets(domain) {
        let loader = format!("types::{}Loader::new(scope)", target.name.pascal());
        loaders += &format!(".request_data(|_, scope| {loader})\n");
    }
    fill(include_str!("../templates/domain/mod.rs.txt"), &[("loaders", loaders)])
}

/// The domains that `domain` refers to, each once.
fn targets(domain: &Domain) -> Vec<&Target> {
    let mut targets: Vec<&Target> = Vec::new();
    for target in domain.references().filter_map(Field::target) {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

pub(super) fn types(domain: &Domain) -> String {
    let values = [
        ("imports", imports(domain)),
        ("fields", each(&domain.fields, |field| format!("{}\n\n", resolver(field)))),
        ("loaders", loaders(domain)),
    ];
    fill(include_str!("../templates/domain/types.rs.txt"), &values)
}

fn imports(domain: &Domain) -> String {
    let refers = domain.references().next().is_some();
    let mut graphql = vec!["DateTime", "find_own"];
    graphql.extend(domain.has(&Kind::Date).then_some("Date"));
    graphql.extend(refers.then_some(["BatchLoader", "LoadResult", "Loader"]).into_iter().flatten());
    graphql.sort_unstable();
    let data = if refers { "use hallpass::data::{Error, Scope};\n" } else { "" };
    let library = match domain.has(&Kind::Id) {
        true => "use async_graphql::{Context, ID};\n",
        false => "use async_graphql::Context;\n",
    };
    let standard = if refers { "use std::sync::Arc;\n\n" } else { "" };
    format!(
        "{standard}{library}{data}use hallpass::graphql::{{{}}};\nuse hallpass::prelude::*;\n\n\
         use super::«note»::{{self, «Note»Id}};\n{}",
        graphql.join(", "),
        domain.imports_of_references(true)
    )
}

fn resolver(field: &Field) -> String {
    let (name, column) = (field.name.snake(), field.column());
    let plain = |kind: &str, value: String| {
        let (description, kind) = (description(field), field.nullable(kind));
        format!("/// {description}.\nasync fn {name}(&self) -> {kind} {{\n    {value}\n}}")
    };
    let wrapped = |kind: &str| {
        plain(
            kind,
            match field.is_required {
                true => format!("{kind}(self.0.{column})"),
                false => format!("self.0.{column}.map({kind})"),
            },
        )
    };
    match &field.kind {
        Kind::String => plain(
            "&str",
            match field.is_required {
                true => format!("&self.0.{column}"),
                false => format!("self.0.{column}.as_deref()"),
            },
        ),
        Kind::Int => plain("i32", format!("self.0.{column}")),
        Kind::Float => plain("f64", format!("self.0.{column}")),
        Kind::Boolean => plain("bool", format!("self.0.{column}")),
        Kind::DateTime => wrapped("DateTime"),
        Kind::Date => wrapped("Date"),
        Kind::Id => plain(
            "ID",
            match field.is_required {
                true => format!("self.0.{column}.clone().into()"),
                false => format!("self.0.{column}.clone().map(ID)"),
            },
        ),
        Kind::Reference(target) => reference(field, target),
    }
}

fn reference(field: &Field, target: &Target) -> String {
    format!(
        "/// {description}.\n#[graphql(guard = \"Public\", scope = \"{module}:read\")]\n\
         async fn {name}(&self, ctx: &Context<'_>) -> Result<{project}> {{\n    \
         let rows = &ctx.request_data::<{project}Loader>().0;\n    \
         let found = rows.load_one(self.0.{column}).await?;\n    \
         found.ok_or(ApiError::NotFound(\"{word}\"))\n}}",
        description = description(field),
        module = target.module,
        name = field.name.snake(),
        project = target.name.pascal(),
        column = field.column(),
        word = target.name.words(),
    )
}

fn loaders(domain: &Domain) -> String {
    let loader = |target: &&Target| {
        let (project, table) = (target.name.pascal(), target.name.snake());
        let words = target.name.plural().words();
        format!(
            "/// Batch loader of {words}: one statement for all «words» of a response.\n\
             pub struct {project}Loader(BatchLoader<{project}Rows>);\n\n\
             impl {project}Loader {{\n    pub(super) fn new(scope: &Scope) -> Self {{\n        \
             Self(BatchLoader::new({project}Rows(scope.clone())))\n    }}\n}}\n\n\
             struct {project}Rows(Scope);\n\n\
             impl Loader for {project}Rows {{\n    type Key = {project}Id;\n    type Value = {project};\n    \
             type Error = Arc<Error>;\n\n    \
             async fn load(&self, keys: &[{project}Id]) -> LoadResult<Self> {{\n        \
             let these = {table}::Column::Id.one_of(keys.iter().copied());\n        \
             let rows = self.0.owned::<{table}::Entity>()?.filter(these).all().await?;\n        \
             Ok(rows.into_iter().map(|row| (row.id, {project}(row))).collect())\n    }}\n}}\n"
        )
    };
    targets(domain).iter().map(loader).collect::<Vec<_>>().join("\n")
}
