//! Unknown fields in the parts of a document that one request does not execute: other operations, and what `@skip` and
//! `@include` exclude. A field that the caller may not see is unknown, and no error there, so that one document serves
//! callers of all kinds. All other rules of validation apply to the whole document.

use std::collections::HashSet;

use apollo_compiler::ast::{
    Argument, Definition, DirectiveList, Document, Field, OperationDefinition, Selection, Value,
};
use apollo_compiler::{Name, Schema};
use async_graphql::{Value as Given, Variables};

/// The text of `query` without the unknown fields and types that the request does not execute. None if there are none, or
/// if the request selects no operation.
pub(crate) fn without_unexecuted_unknowns(
    query: &str,
    operation: Option<&str>,
    variables: &Variables,
    schema: &Schema,
) -> Option<String> {
    let mut document = Document::parse(query, "document").ok()?;
    let used_before = Uses::of(&document);
    let selected = selected(&document, operation)?;
    let mut walk = Walk { schema, variables, defaults: defaults(&selected), has_removed: false };
    let executed = walk.executed_fragments(&document, &selected);
    document.definitions.retain_mut(|definition| match definition {
        Definition::OperationDefinition(operation) => {
            let root = schema.root_operation(operation.operation_type).cloned();
            let is_executed = operation.name == selected.name;
            walk.strip(&mut operation.make_mut().selection_set, root.as_ref(), is_executed);
            true
        }
        Definition::FragmentDefinition(fragment) => {
            let is_executed = executed.contains(&fragment.name);
            let on = fragment.type_condition.clone();
            // A fragment that is not spread is an error in any case.
            let is_known = is_executed
                || schema.types.contains_key(&on)
                || !used_before.spreads.contains(&fragment.name);
            walk.has_removed |= !is_known;
            walk.strip(&mut fragment.make_mut().selection_set, Some(&on), is_executed);
            is_known
        }
        _ => true,
    });
    walk.has_removed.then(|| {
        remove_unused(&mut document, &used_before);
        document.to_string()
    })
}

fn selected(document: &Document, name: Option<&str>) -> Option<OperationDefinition> {
    let operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(&**operation),
        _ => None,
    });
    let mut named = operations.filter(|operation| match name {
        Some(name) => operation.name.as_deref() == Some(name),
        None => true,
    });
    let selected = named.next()?;
    named.next().is_none().then(|| selected.clone())
}

/// The variables that have a boolean default.
fn defaults(operation: &OperationDefinition) -> Vec<(Name, bool)> {
    let defaults =
        operation.variables.iter().filter_map(|variable| match variable.default_value.as_deref() {
            Some(Value::Boolean(default)) => Some((variable.name.clone(), *default)),
            _ => None,
        });
    defaults.collect()
}

struct Walk<'a> {
    schema: &'a Schema,
    variables: &'a Variables,
    defaults: Vec<(Name, bool)>,
    has_removed: bool,
}

impl Walk<'_> {
    /// The fragments that the operation executes.
    fn executed_fragments(
        &self,
        document: &Document,
        operation: &OperationDefinition,
    ) -> HashSet<Name> {
        let mut found = HashSet::new();
        self.add_executed(&operation.selection_set, document, &mut found);
        found
    }

    fn add_executed(
        &self,
        selections: &[Selection],
        document: &Document,
        found: &mut HashSet<Name>,
    ) {
        for selection in selections.iter().filter(|it| !self.excludes(directives(it))) {
            match selection {
                Selection::Field(it) => self.add_executed(&it.selection_set, document, found),
                Selection::InlineFragment(it) => {
                    self.add_executed(&it.selection_set, document, found);
                }
                Selection::FragmentSpread(spread) => {
                    if !found.insert(spread.fragment_name.clone()) {
                        continue;
                    }
                    for definition in &document.definitions {
                        if let Definition::FragmentDefinition(fragment) = definition
                            && fragment.name == spread.fragment_name
                        {
                            self.add_executed(&fragment.selection_set, document, found);
                        }
                    }
                }
            }
        }
    }

    /// Removes the unknown fields and types of the type `on`, unless the selections are executed.
    fn strip(&mut self, selections: &mut Vec<Selection>, on: Option<&Name>, is_executed: bool) {
        let before = selections.len();
        selections.retain_mut(|selection| {
            let is_executed = is_executed && !self.excludes(directives(selection));
            match selection {
                Selection::Field(field) => {
                    let known = on.and_then(|on| self.schema.type_field(on, &field.name).ok());
                    let is_kept = is_executed || known.is_some();
                    let below = known.map(|known| known.ty.inner_named_type().clone());
                    let field = field.make_mut();
                    self.strip(&mut field.selection_set, below.as_ref(), is_executed);
                    is_kept
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.clone();
                    let is_known =
                        condition.as_ref().is_none_or(|it| self.schema.types.contains_key(it));
                    let within = condition.as_ref().or(on);
                    let fragment = fragment.make_mut();
                    self.strip(&mut fragment.selection_set, within, is_executed);
                    is_executed || is_known
                }
                Selection::FragmentSpread(_) => true,
            }
        });
        if selections.len() < before {
            self.has_removed = true;
            if selections.is_empty() {
                selections.push(Selection::Field(typename().into()));
            }
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

/// The fragments that a document spreads, and the variables that it uses.
struct Uses {
    spreads: HashSet<Name>,
    text: String,
}

impl Uses {
    fn of(document: &Document) -> Self {
        let mut spreads = HashSet::new();
        for definition in &document.definitions {
            match definition {
                Definition::OperationDefinition(it) => add_spreads(&it.selection_set, &mut spreads),
                Definition::FragmentDefinition(it) => add_spreads(&it.selection_set, &mut spreads),
                _ => {}
            }
        }
        Self { spreads, text: document.to_string() }
    }

    /// Whether it uses the variable besides its definition.
    fn has_variable(&self, name: &str) -> bool {
        let name = format!("${name}");
        let is_end = |rest: &str| {
            !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
        };
        let uses = self.text.match_indices(&name);
        uses.filter(|(at, _)| is_end(&self.text[at + name.len()..])).nth(1).is_some()
    }
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

/// Removes the fragments and variables that only what was removed has used, and the spreads of removed fragments.
fn remove_unused(document: &mut Document, before: &Uses) {
    let defined: HashSet<_> = fragments(document);
    for definition in &mut document.definitions {
        match definition {
            Definition::OperationDefinition(it) => {
                remove_spreads(&mut it.make_mut().selection_set, &defined, before);
            }
            Definition::FragmentDefinition(it) => {
                remove_spreads(&mut it.make_mut().selection_set, &defined, before);
            }
            _ => {}
        }
    }
    loop {
        let after = Uses::of(document);
        let count = document.definitions.len();
        document.definitions.retain(|definition| match definition {
            Definition::FragmentDefinition(fragment) => {
                after.spreads.contains(&fragment.name) || !before.spreads.contains(&fragment.name)
            }
            _ => true,
        });
        if document.definitions.len() == count {
            break;
        }
    }
    let after = Uses::of(document);
    for definition in &mut document.definitions {
        if let Definition::OperationDefinition(operation) = definition {
            operation.make_mut().variables.retain(|variable| {
                after.has_variable(&variable.name) || !before.has_variable(&variable.name)
            });
        }
    }
}

fn fragments(document: &Document) -> HashSet<Name> {
    let names = document.definitions.iter().filter_map(|definition| match definition {
        Definition::FragmentDefinition(fragment) => Some(fragment.name.clone()),
        _ => None,
    });
    names.collect()
}

/// Removes the spreads of fragments that the document does not define any more.
fn remove_spreads(selections: &mut Vec<Selection>, defined: &HashSet<Name>, before: &Uses) {
    let count = selections.len();
    selections.retain_mut(|selection| match selection {
        Selection::Field(field) => {
            remove_spreads(&mut field.make_mut().selection_set, defined, before);
            true
        }
        Selection::InlineFragment(fragment) => {
            remove_spreads(&mut fragment.make_mut().selection_set, defined, before);
            true
        }
        Selection::FragmentSpread(spread) => {
            defined.contains(&spread.fragment_name)
                || !before.text.contains(&format!("fragment {} on ", spread.fragment_name))
        }
    });
    if selections.is_empty() && count > 0 {
        selections.push(Selection::Field(typename().into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "type Query { a: Int b(id: ID): Query } type Mutation { m: Int }";

    #[test]
    fn unknown_fields_are_removed_where_not_executed() {
        let schema = Schema::parse(SCHEMA, "schema.graphql").unwrap();
        let variables = Variables::from_json(serde_json::json!({"yes": true, "no": false}));
        for (document, operation, expected) in [
            ("{ a x }", None, None),
            ("{ a x @include(if: true) }", None, None),
            ("{ a b @include(if: false) { a } }", None, None),
            ("{ a x @include(if: false) }", None, Some("{ a }")),
            ("{ a x @skip(if: true) @skip(if: true) }", None, Some("{ a }")),
            ("query($no: Boolean!) { a x @include(if: $no) }", None, Some("{ a }")),
            ("query($yes: Boolean!) { a x @include(if: $yes) }", None, None),
            ("query($n: Boolean = false) { a x @include(if: $n) }", None, Some("{ a }")),
            ("query($n: Boolean!) { a x @include(if: $n) }", None, None),
            (
                "query($unused: Int) { a x @skip(if: true) }",
                None,
                Some("query($unused: Int) { a }"),
            ),
            ("{ a b @skip(if: true) { x } }", None, Some("{ a b @skip(if: true) { __typename } }")),
            (
                "{ a ... @skip(if: true) { x } }",
                None,
                Some("{ a ... @skip(if: true) { __typename } }"),
            ),
            ("{ a ... on X @skip(if: true) { x } }", None, Some("{ a }")),
            ("{ a ...F @skip(if: true) } fragment F on X { x }", None, Some("{ a }")),
            ("{ a ...F } fragment F on Query { x }", None, None),
            ("{ a } fragment F on X { x }", None, Some("{ a } fragment F on X { __typename }")),
            (
                "query($no: Boolean!, $id: ID, $ids: [ID]) { b(id: $id) { a } ...F } \
                 fragment F on Query { a x(ids: $ids) @include(if: $no) }",
                None,
                Some("query($id: ID) { b(id: $id) { a } ...F } fragment F on Query { a }"),
            ),
            (
                "query A { a } query B { x }",
                Some("A"),
                Some("query A { a } query B { __typename }"),
            ),
            ("query A { a } query B { x }", Some("B"), None),
            ("query A { a } query B { x }", Some("C"), None),
            ("query A { a } query B { x }", None, None),
            ("{ a ", None, None),
        ] {
            let rest = without_unexecuted_unknowns(document, operation, &variables, &schema);
            let rest = rest.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            assert_eq!(rest.as_deref(), expected, "{document}");
        }
    }
}
