//! The fields that an operation executes (sections 6.3.2 and 6.4.3 of the GraphQL specification, `CollectFields` and
//! `MergeSelectionSets`).
//!
//! The library executes each occurrence of a field, ignores the defaults of variables in `@skip` and `@include`, and reads
//! an omitted variable as null where the argument has a default. It therefore gets an operation without directives, in
//! which each response key occurs once in an object, and no argument has the value of an omitted variable.

mod executed;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition,
    OperationType, Selection, SelectionSet, TypeCondition,
};
use async_graphql::registry::{MetaTypeName, Registry};
use async_graphql::{Name, Positioned, Value as Given, Variables};
use async_graphql_value::Value;

pub(super) use executed::{executed, kind_of};
use scope::Scope;

/// Fields of one operation, of which those of an abstract type count once for each of its types.
const MAX_FIELDS: usize = 20_000;

/// Why the fields of an operation cannot be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Conflict {
    /// Fields of this response key have different arguments (section 5.3.2).
    Arguments(String),
    /// There are too many.
    TooMany,
}

/// The document that is executed in place of `document`, for its `operation`: without directives and fragments, but
/// those of the object types of an abstract type. `types` are those of the caller's schema, for which the document is valid.
fn collect_fields(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    types: &Registry,
) -> Result<ExecutableDocument, Conflict> {
    let root = match operation.ty {
        OperationType::Query => Some(types.query_type.as_str()),
        OperationType::Mutation => types.mutation_type.as_deref(),
        OperationType::Subscription => types.subscription_type.as_deref(),
    };
    let mut collector = Collector { document, operation, variables, types, fields: 0 };
    let selection_set = &operation.selection_set;
    let collected = collector.merged(root, &[&selection_set.node])?;
    let operation = OperationDefinition {
        selection_set: Positioned::new(collected, selection_set.pos),
        ..operation.clone()
    };
    Ok(ExecutableDocument {
        operations: DocumentOperations::Single(Positioned::new(operation, selection_set.pos)),
        fragments: HashMap::new(),
    })
}

struct Collector<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    types: &'a Registry,
    fields: usize,
}

/// The occurrences of one response key.
type Group<'a> = Vec<&'a Positioned<Field>>;
/// In the order of the document.
type Groups<'a> = IndexMap<&'a Name, Group<'a>>;

impl<'a> Collector<'a> {
    /// The selections of `sets`, which are of one object of the type `parent`, merged.
    fn merged(
        &mut self,
        parent: Option<&'a str>,
        sets: &[&'a SelectionSet],
    ) -> Result<SelectionSet, Conflict> {
        let types = Scope::of(parent, self.types);
        let objects = if self.has_fragments(sets) { types.objects() } else { None };
        let Some(objects) = objects else {
            return self.of_object(parent, types, sets);
        };
        // The fields that an object of an abstract type has depend on its own type.
        let mut items = Vec::with_capacity(objects.len());
        for object in objects {
            let fields = self.of_object(Some(object), Scope::of(Some(object), self.types), sets)?;
            if !fields.items.is_empty() {
                items.push(of_type(object, fields));
            }
        }
        Ok(SelectionSet { items })
    }

    fn of_object(
        &mut self,
        parent: Option<&'a str>,
        scope: Scope<'a>,
        sets: &[&'a SelectionSet],
    ) -> Result<SelectionSet, Conflict> {
        let mut groups = Groups::default();
        for set in sets {
            self.collect(scope, set, &mut groups);
        }
        self.fields += groups.len();
        if self.fields > MAX_FIELDS {
            return Err(Conflict::TooMany);
        }
        let fields = groups.into_iter().map(|(_, group)| self.field(parent, &group));
        Ok(SelectionSet { items: fields.collect::<Result<_, _>>()? })
    }

    /// Adds the fields of a selection to those of their response keys, in the order of the document.
    fn collect(&self, scope: Scope<'a>, set: &'a SelectionSet, groups: &mut Groups<'a>) {
        for selection in &set.items {
            if self.is_skipped(directives(&selection.node)) {
                continue;
            }
            match &selection.node {
                Selection::Field(field) => {
                    groups.entry(&field.node.response_key().node).or_default().push(field);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|it| scope.is(&it.node.on.node)) {
                        self.collect(scope, &fragment.node.selection_set.node, groups);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = self.document.fragments.get(name) else { continue };
                    if scope.is(&fragment.node.type_condition.node.on.node) {
                        self.collect(scope, &fragment.node.selection_set.node, groups);
                    }
                }
            }
        }
    }

    fn has_fragments(&self, sets: &[&SelectionSet]) -> bool {
        let mut selections = sets.iter().flat_map(|set| &set.items);
        selections.any(|it| !matches!(it.node, Selection::Field(_)))
    }

    /// One field for all occurrences of a response key.
    fn field(
        &mut self,
        parent: Option<&'a str>,
        group: &[&'a Positioned<Field>],
    ) -> Result<Positioned<Selection>, Conflict> {
        let first = group[0];
        let Field { alias, name, arguments, .. } = &first.node;
        let is_same = |other: &&&Positioned<Field>| {
            other.node.name.node == name.node && are_equal(&other.node.arguments, arguments)
        };
        if !group.iter().all(|other| is_same(&other)) {
            return Err(Conflict::Arguments(first.node.response_key().node.to_string()));
        }
        let sets: Vec<_> = group.iter().map(|field| &field.node.selection_set.node).collect();
        let selected = match sets.iter().all(|set| set.items.is_empty()) {
            true => SelectionSet::default(),
            false => self.merged(self.type_of(parent, &name.node), &sets)?,
        };
        let given = arguments.iter().filter(|(_, value)| !self.is_omitted(&value.node));
        let field = Field {
            alias: alias.clone(),
            name: name.clone(),
            arguments: given.cloned().collect(),
            directives: Vec::new(),
            selection_set: Positioned::new(selected, first.node.selection_set.pos),
        };
        Ok(Positioned::new(Selection::Field(Positioned::new(field, first.pos)), first.pos))
    }

    fn type_of(&self, parent: Option<&str>, field: &str) -> Option<&'a str> {
        let field = self.types.types.get(parent?)?.field_by_name(field)?;
        Some(MetaTypeName::concrete_typename(&field.ty))
    }

    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let condition =
                directive.node.get_argument("if").map(|value| self.boolean(&value.node));
            match directive.node.name.node.as_str() {
                "skip" => condition == Some(true),
                "include" => condition == Some(false),
                _ => false,
            }
        })
    }

    /// The value of a condition, which is a boolean in a valid document.
    fn boolean(&self, value: &Value) -> bool {
        match value {
            Value::Boolean(value) => *value,
            Value::Variable(name) => match self.variables.get(name) {
                Some(given) => *given == Given::Boolean(true),
                None => self.default_of(name) == Some(&Given::Boolean(true)),
            },
            _ => false,
        }
    }

    fn default_of(&self, variable: &Name) -> Option<&Given> {
        let definitions = self.operation.variable_definitions.iter();
        let definition = definitions.map(|it| &it.node).find(|it| it.name.node == *variable)?;
        definition.default_value.as_ref().map(|default| &default.node)
    }

    /// Whether it is a variable without a value: the argument is then as if it were not written (section 6.4.1).
    fn is_omitted(&self, value: &Value) -> bool {
        match value {
            Value::Variable(name) => {
                !self.variables.contains_key(name) && self.default_of(name).is_none()
            }
            _ => false,
        }
    }
}

fn directives(selection: &Selection) -> &[Positioned<Directive>] {
    match selection {
        Selection::Field(field) => &field.node.directives,
        Selection::InlineFragment(fragment) => &fragment.node.directives,
        Selection::FragmentSpread(spread) => &spread.node.directives,
    }
}

fn of_type(object: &str, fields: SelectionSet) -> Positioned<Selection> {
    let pos = fields.items.first().map(|item| item.pos).unwrap_or_default();
    let on = TypeCondition { on: Positioned::new(Name::new(object), pos) };
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(on, pos)),
        directives: Vec::new(),
        selection_set: Positioned::new(fields, pos),
    };
    Positioned::new(Selection::InlineFragment(Positioned::new(fragment, pos)), pos)
}

type Arguments = [(Positioned<Name>, Positioned<Value>)];

/// Whether the arguments are the same, in any order.
fn are_equal(one: &Arguments, other: &Arguments) -> bool {
    let has_same = |(name, value): &(Positioned<Name>, Positioned<Value>)| {
        let same = other.iter().find(|(it, _)| it.node == name.node);
        same.is_some_and(|(_, it)| it.node == value.node)
    };
    one.len() == other.len() && one.iter().all(has_same)
}
