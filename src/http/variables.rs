//! Variables, checked against their types before anything runs (section 6.1.2 of the GraphQL
//! specification). The library checks them where they are used, which is too late for a mutation
//! whose first field has been written by then.

use async_graphql::parser::types::{BaseType, OperationDefinition, Type, VariableDefinition};
use async_graphql::registry::{MetaType, Registry};
use async_graphql::{Value, Variables};

/// What is wrong with a variable, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where in the variables.
    pub(super) path: String,
    /// What to do.
    pub(super) message: String,
}

/// The first variable that `operation` cannot be run with.
pub(super) fn problem(
    operation: &OperationDefinition,
    variables: &Variables,
    types: &Registry,
) -> Option<Problem> {
    operation.variable_definitions.iter().find_map(|definition| {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        let path = name.node.as_str();
        match variables.get(&name.node) {
            Some(value) => mismatch(types, &var_type.node, value, path),
            None if !var_type.node.nullable && default_value.is_none() => {
                found(path, "give it a value")
            }
            None => None,
        }
    })
}

fn found(path: &str, message: impl Into<String>) -> Option<Problem> {
    Some(Problem { path: path.to_owned(), message: message.into() })
}

fn mismatch(types: &Registry, expected: &Type, value: &Value, path: &str) -> Option<Problem> {
    match (&expected.base, value) {
        (_, Value::Null) if expected.nullable => None,
        (_, Value::Null) => found(path, "it cannot be null"),
        (BaseType::List(of), Value::List(items)) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| mismatch(types, of, item, &format!("{path}.{at}"))),
        // A single value stands for a list of one.
        (BaseType::List(of), value) => mismatch(types, of, value, path),
        (BaseType::Named(name), value) => named_mismatch(types, name, value, path),
    }
}

fn value_of_int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

fn named_mismatch(types: &Registry, name: &str, value: &Value, path: &str) -> Option<Problem> {
    // The specification's Int has 32 bits (section 3.5.1); the library's check lets 64 pass.
    if name == "Int" && value_of_int(value).is_none_or(|number| i32::try_from(number).is_err()) {
        return found(path, "give a whole number of 32 bits");
    }
    match types.types.get(name)? {
        MetaType::Scalar { is_valid: Some(is_valid), .. } if !is_valid(value) => {
            found(path, format!("give a value of the type {name}"))
        }
        MetaType::Enum { enum_values, .. } => match value {
            Value::String(text) if enum_values.contains_key(text) => None,
            Value::Enum(text) if enum_values.contains_key(text.as_str()) => None,
            _ => found(path, format!("give one of the values of {name}")),
        },
        MetaType::InputObject { input_fields, .. } => {
            let Value::Object(members) = value else {
                return found(path, format!("give an object of the type {name}"));
            };
            let unknown = members.keys().find(|key| !input_fields.contains_key(key.as_str()));
            if let Some(unknown) = unknown {
                return found(&format!("{path}.{unknown}"), format!("{name} has no such field"));
            }
            input_fields.values().find_map(|field| {
                let expected = Type::new(&field.ty)?;
                let path = format!("{path}.{}", field.name);
                match members.get(field.name.as_str()) {
                    Some(value) => mismatch(types, &expected, value, &path),
                    None if !expected.nullable && field.default_value.is_none() => {
                        found(&path, "give it a value")
                    }
                    None => None,
                }
            })
        }
        // A scalar that is right. What is no input type is refused by validation.
        MetaType::Scalar { .. }
        | MetaType::Object { .. }
        | MetaType::Interface { .. }
        | MetaType::Union { .. } => None,
    }
}
