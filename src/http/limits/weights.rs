//! Weights of fields in the query cost, in tenths of a point of `MAX_COST`. `docs/queries.md` lists them.

use async_graphql::parser::types::Field;
use async_graphql::{Name, Value};
use async_graphql_value::Value as Written;

/// Tenths in a point.
pub const POINT: u64 = 10;
/// An object, or a fragment spread: one point.
pub(crate) const OBJECT: u64 = POINT;
/// A leaf field.
pub(crate) const LEAF: u64 = 1;
/// A text filter: the database scans every row that no other filter excludes.
pub(crate) const SEARCH: u64 = 50 * POINT;

/// Fields with a higher weight, in any type: long texts, and fields that read more rows than they return.
pub const FIELDS: [(&str, u64); 9] = [
    ("summary", 5),
    ("description", 10),
    ("body", 30),
    ("bodyHtml", 60),
    ("recommendations", 20 * POINT),
    ("taskStats", 10 * POINT),
    ("analytics", 50 * POINT),
    ("totalCount", 10 * POINT),
    ("__schema", 100 * POINT),
];

/// Lists without a page size, with their usual length.
pub const LISTS: [(&str, u64); 2] = [("variants", 3), ("byPriority", 4)];

/// The weight of the field `name`, without its selection.
pub(crate) fn of_field(name: &str, is_leaf: bool) -> u64 {
    let listed = FIELDS.iter().find(|(field, _)| *field == name).map(|(_, weight)| *weight);
    listed.unwrap_or(if is_leaf { LEAF } else { OBJECT })
}

/// The usual length of the list `name`, if it has no page size.
pub(crate) fn length_of_list(name: &str) -> Option<u64> {
    LISTS.iter().find(|(list, _)| *list == name).map(|(_, length)| *length)
}

/// The weight of the arguments of `field`: that of each text which its filter searches for, in the document or in
/// a variable.
pub(crate) fn of_arguments<'a>(
    field: &Field,
    variable: &impl Fn(&Name) -> Option<&'a Value>,
) -> u64 {
    let filter = field.get_argument("filter").map(|filter| &filter.node);
    let searches = filter.map_or(0, |filter| searches_written(filter, variable));
    searches.saturating_mul(SEARCH)
}

const TEXT: &str = "text";

fn searches_written<'a>(value: &Written, variable: &impl Fn(&Name) -> Option<&'a Value>) -> u64 {
    match value {
        Written::Variable(name) => variable(name).map_or(0, searches),
        Written::List(items) => items.iter().map(|item| searches_written(item, variable)).sum(),
        Written::Object(members) => members
            .iter()
            .map(|(name, value)| match value {
                Written::Null => 0,
                Written::Variable(variable_name) if name == TEXT => {
                    u64::from(variable(variable_name).is_some_and(|value| *value != Value::Null))
                }
                _ if name == TEXT => 1,
                value => searches_written(value, variable),
            })
            .sum(),
        _ => 0,
    }
}

fn searches(value: &Value) -> u64 {
    match value {
        Value::List(items) => items.iter().map(searches).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value {
                Value::Null => 0,
                _ if name == TEXT => 1,
                value => searches(value),
            })
            .sum(),
        _ => 0,
    }
}
