//! The part of a document that one request executes: the selected operation, without what `@skip` and `@include` exclude,
//! and with the fragments and variables that it uses. A field that the caller may not see is no error where it is not
//! executed.

use std::collections::HashSet;

use apollo_compiler::Name;
use apollo_compiler::ast::{
    Argument, Definition, DirectiveList, Document, Field, OperationDefinition, Selection, Value,
};
use async_graphql::{Value as Given, Variables};

/// The text of the part of `query` that is executed. None if that is the whole document, or if it selects no operation.
pub(crate) fn executed_part(
    query: &str,
    operation: Option<&str>,
    variables: &Variables,
) -> Option<String> {
    let mut document = Document::parse(query, "document").ok()?;
    let mut part = Part { variables, has_excluded: false, defaults: Vec::new() };
    let selected = selected(&document, operation)?;
    part.defaults = defaults(&selected);
    part.has_excluded = operations(&document).count() > 1;
    document.definitions.retain(|definition| match definition {
        Definition::OperationDefinition(operation) => operation.name == selected.name,
        _ => true,
    });
    for definition in &mut document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                part.strip(&mut operation.make_mut().selection_set);
            }
            Definition::FragmentDefinition(fragment) => {
                part.strip(&mut fragment.make_mut().selection_set);
            }
            _ => {}
        }
    }
    part.has_excluded.then(|| {
        remove_unused(&mut document);
        document.to_string()
    })
}

fn operations(document: &Document) -> impl Iterator<Item = &OperationDefinition> {
    document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(&**operation),
        _ => None,
    })
}

fn selected(document: &Document, name: Option<&str>) -> Option<OperationDefinition> {
    let mut named = operations(document).filter(|operation| match name {
        Some(name) => operation.name.as_deref() == Some(name),
        None => true,
    });
    let selected = named.next()?;
    named.next().is_none().then(|| selected.clone())
}

/// The variables that have a boolean default.
fn defaults(operation: &OperationDefinition) -> Vec<(Name, bool)> {
    let variables = operation.variables.iter();
    variables
        .filter_map(|variable| match variable.default_value.as_deref() {
            Some(Value::Boolean(default)) => Some((variable.name.clone(), *default)),
            _ => None,
        })
        .collect()
}

struct Part<'a> {
    variables: &'a Variables,
    defaults: Vec<(Name, bool)>,
    has_excluded: bool,
}

impl Part<'_> {
    /// Removes what is excluded. A set of which nothing remains has `__typename`.
    fn strip(&mut self, selections: &mut Vec<Selection>) {
        if selections.is_empty() {
            return;
        }
        let before = selections.len();
        selections.retain(|selection| !self.excludes(directives(selection)));
        self.has_excluded |= selections.len() < before;
        for selection in selections.iter_mut() {
            match selection {
                Selection::Field(field) => self.strip(&mut field.make_mut().selection_set),
                Selection::InlineFragment(fragment) => {
                    self.strip(&mut fragment.make_mut().selection_set);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        if selections.is_empty() {
            selections.push(Selection::Field(typename().into()));
        }
    }

    fn excludes(&self, directives: &DirectiveList) -> bool {
        let states = |name: &str, excluded: bool| {
            let directive = directives.iter().find(|directive| directive.name == name);
            let argument = directive.and_then(|it| it.arguments.iter().find(|it| it.name == "if"));
            argument.and_then(|argument| self.boolean(argument)) == Some(excluded)
        };
        states("skip", true) || states("include", false)
    }

    fn boolean(&self, argument: &Argument) -> Option<bool> {
        match &*argument.value {
            Value::Boolean(value) => Some(*value),
            Value::Variable(name) => match self.variables.get(name.as_str()) {
                Some(Given::Boolean(value)) => Some(*value),
                Some(_) => None,
                None => self.defaults.iter().find(|(it, _)| it == name).map(|(_, value)| *value),
            },
            _ => None,
        }
    }
}

fn directives(selection: &Selection) -> &DirectiveList {
    match selection {
        Selection::Field(field) => &field.directives,
        Selection::InlineFragment(fragment) => &fragment.directives,
        Selection::FragmentSpread(spread) => &spread.directives,
    }
}

fn typename() -> Field {
    Field {
        alias: None,
        name: apollo_compiler::name!("__typename"),
        arguments: Vec::new(),
        directives: DirectiveList::new(),
        selection_set: Vec::new(),
    }
}

/// Removes the fragments that are not spread, and the variables that are not used.
fn remove_unused(document: &mut Document) {
    let mut used = HashSet::new();
    loop {
        let spread = spread_fragments(document, &used);
        if spread.len() == used.len() {
            break;
        }
        used = spread;
    }
    document.definitions.retain(|definition| match definition {
        Definition::FragmentDefinition(fragment) => used.contains(&fragment.name),
        _ => true,
    });
    let text = document.to_string();
    for definition in &mut document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            let operation = operation.make_mut();
            operation.variables.retain(|variable| is_used(&text, &variable.name));
        }
    }
}

/// The fragments that operations spread, and those that the fragments in `known` spread.
fn spread_fragments(document: &Document, known: &HashSet<Name>) -> HashSet<Name> {
    let mut found = known.clone();
    for definition in &document.definitions {
        let selections = match definition {
            Definition::OperationDefinition(operation) => &operation.selection_set,
            Definition::FragmentDefinition(it) if known.contains(&it.name) => &it.selection_set,
            _ => continue,
        };
        add_spreads(selections, &mut found);
    }
    found
}

fn add_spreads(selections: &[Selection], found: &mut HashSet<Name>) {
    for selection in selections {
        match selection {
            Selection::Field(field) => add_spreads(&field.selection_set, found),
            Selection::InlineFragment(fragment) => add_spreads(&fragment.selection_set, found),
            Selection::FragmentSpread(spread) => {
                found.insert(spread.fragment_name.clone());
            }
        }
    }
}

/// Whether `text` names the variable besides its definition.
fn is_used(text: &str, name: &str) -> bool {
    let name = format!("${name}");
    let is_end = |rest: &str| {
        !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
    };
    text.match_indices(&name).filter(|(at, _)| is_end(&text[at + name.len()..])).nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excluded_parts_are_removed() {
        let variables = Variables::from_json(serde_json::json!({"yes": true, "no": false}));
        for (document, operation, expected) in [
            ("{ a b }", None, None),
            ("{ a b @include(if: true) @skip(if: false) }", None, None),
            ("{ a b @include(if: false) }", None, Some("{ a }")),
            ("{ a b @skip(if: true) }", None, Some("{ a }")),
            ("query($no: Boolean!) { a b @include(if: $no) }", None, Some("{ a }")),
            ("query($yes: Boolean!) { a b @include(if: $yes) }", None, None),
            ("query($x: Boolean = false) { a b @include(if: $x) }", None, Some("{ a }")),
            ("query($x: Boolean!) { a b @include(if: $x) }", None, None),
            ("{ a { b @include(if: false) } }", None, Some("{ a { __typename } }")),
            ("{ a ... @skip(if: true) { b } }", None, Some("{ a }")),
            ("{ a ...F @skip(if: true) } fragment F on Q { b }", None, Some("{ a }")),
            (
                "query($no: Boolean!, $id: ID, $ids: [ID]) { a(id: $id) ...F } fragment F on Q { c b(ids: $ids) @include(if: $no) }",
                None,
                Some("query ($id: ID) { a(id: $id) ...F } fragment F on Q { c }"),
            ),
            ("query A { a } query B { b }", Some("A"), Some("query A { a }")),
            ("query A { a } query B { b }", Some("C"), None),
            ("query A { a } query B { b }", None, None),
            ("{ a ", None, None),
        ] {
            let part = executed_part(document, operation, &variables);
            let part = part.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
            assert_eq!(part.as_deref(), expected, "{document}");
        }
    }
}
