//! The model of a domain: its names and its fields.

use super::super::field::{Field, Kind};
use super::super::name::{Name, capitalized};

/// A domain.
pub(super) struct Domain {
    pub(super) name: Name,
    pub(super) plural: Name,
    pub(super) fields: Vec<Field>,
}

impl Domain {
    /// The values of the placeholders for names.
    pub(super) fn names(&self, crate_name: &str) -> Vec<(&'static str, String)> {
        let article = self.name.with_article();
        vec![
            ("crate", crate_name.to_owned()),
            ("note", self.name.snake()),
            ("Note", self.name.pascal()),
            ("NOTE", self.name.screaming()),
            ("notes", self.plural.snake()),
            ("noteS", self.plural.camel()),
            ("word", self.name.words()),
            ("words", self.plural.words()),
            ("Words", capitalized(&self.plural.words())),
            ("A_note", capitalized(&article)),
            ("a_note", article),
        ]
    }

    /// The first field that adds a name to the schema or the table which another has.
    pub(super) fn repeated_name(&self) -> Option<(String, String)> {
        let mut known: Vec<String> = Vec::new();
        for field in &self.fields {
            let camel = field.name.camel();
            let (column, mut names) = (field.column(), vec![camel.clone()]);
            match &field.kind {
                Kind::String => {
                    names.extend([format!("{camel}Contains"), format!("{column}_key")]);
                    names.push(format!("{column}_search"));
                }
                Kind::DateTime | Kind::Date => {
                    names.extend([format!("{camel}Before"), format!("{camel}After")]);
                }
                Kind::Int | Kind::Float | Kind::Boolean | Kind::Id | Kind::Reference(_) => {}
            }
            if column != camel {
                names.push(column);
            }
            if let Some(name) = names.iter().find(|name| known.contains(name)) {
                return Some((camel, name.clone()));
            }
            known.append(&mut names);
        }
        None
    }

    pub(super) fn has(&self, kind: &Kind) -> bool {
        self.fields.iter().any(|field| field.kind == *kind)
    }

    pub(super) fn strings(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.kind == Kind::String)
    }

    pub(super) fn references(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.target().is_some())
    }

    /// `use` lines of the types of other domains, and with `keys` of their IDs.
    pub(super) fn imports_of_references(&self, keys: bool) -> String {
        let mut lines: Vec<_> = self
            .references()
            .filter_map(Field::target)
            .map(|target| {
                let (module, note) = (&target.module, target.name.pascal());
                let table = target.name.snake();
                match keys {
                    true => format!(
                        "use crate::{module}::{note};\nuse crate::{module}::{table}::{{self, {note}Id}};\n"
                    ),
                    false => format!("use crate::{module}::{note};\n"),
                }
            })
            .collect();
        lines.sort();
        lines.dedup();
        lines.concat()
    }
}

/// The description of a field.
pub(super) fn description(field: &Field) -> String {
    capitalized(&field.name.words())
}

/// Joins the texts of fields.
pub(super) fn each<'a>(
    fields: impl IntoIterator<Item = &'a Field>,
    text: impl Fn(&Field) -> String,
) -> String {
    fields.into_iter().map(text).collect()
}
