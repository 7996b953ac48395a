//! Keys of input objects are unique (section 5.6.3 of the GraphQL specification), which neither library checks.

use apollo_compiler::ast::{
    Argument, Definition, DirectiveList, Document, Selection, Value, VariableDefinition,
};
use apollo_compiler::{Name, Node};
use async_graphql::ServerError;

/// The first key that occurs twice in an input object of `query`. None if there is none, or if it cannot be parsed.
pub(crate) fn repeated_key(query: &str) -> Option<ServerError> {
    let document = Document::parse(query, "document").ok()?;
    let key = document.definitions.iter().find_map(|definition| match definition {
        Definition::OperationDefinition(operation) => in_variables(&operation.variables)
            .or_else(|| in_directives(&operation.directives))
            .or_else(|| in_selections(&operation.selection_set)),
        Definition::FragmentDefinition(fragment) => {
            in_directives(&fragment.directives).or_else(|| in_selections(&fragment.selection_set))
        }
        _ => None,
    });
    key.map(|key| ServerError::new(format!("An input object has the key `{key}` twice."), None))
}

fn in_variables(variables: &[Node<VariableDefinition>]) -> Option<&Name> {
    variables
        .iter()
        .filter_map(|variable| variable.default_value.as_ref())
        .find_map(|it| in_value(it))
}

fn in_selections(selections: &[Selection]) -> Option<&Name> {
    selections.iter().find_map(|selection| match selection {
        Selection::Field(field) => in_arguments(&field.arguments)
            .or_else(|| in_directives(&field.directives))
            .or_else(|| in_selections(&field.selection_set)),
        Selection::InlineFragment(fragment) => {
            in_directives(&fragment.directives).or_else(|| in_selections(&fragment.selection_set))
        }
        Selection::FragmentSpread(spread) => in_directives(&spread.directives),
    })
}

fn in_directives(directives: &DirectiveList) -> Option<&Name> {
    directives.iter().find_map(|directive| in_arguments(&directive.arguments))
}

fn in_arguments(arguments: &[Node<Argument>]) -> Option<&Name> {
    arguments.iter().find_map(|argument| in_value(&argument.value))
}

fn in_value(value: &Value) -> Option<&Name> {
    match value {
        Value::List(items) => items.iter().find_map(|item| in_value(item)),
        Value::Object(fields) => fields.iter().enumerate().find_map(|(at, (key, value))| {
            let is_repeated = fields[..at].iter().any(|(other, _)| other == key);
            if is_repeated { Some(key) } else { in_value(value) }
        }),
        _ => None,
    }
}
