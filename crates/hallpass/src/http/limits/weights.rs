//! Weights of fields in the query cost, in tenths of a point of `MAX_COST`. `docs/queries.md` lists them.

use std::collections::HashMap;

use async_graphql::parser::types::Field;
use async_graphql::{Name, Value};
use async_graphql_value::Value as Written;

use crate::application::Application;

/// Tenths in a point.
pub const POINT: u64 = 10;
/// An object, or a fragment spread: one point.
pub(crate) const OBJECT: u64 = POINT;
/// A leaf field.
pub(crate) const LEAF: u64 = 1;
/// A text filter: the database scans every row that no other filter excludes.
pub(crate) const SEARCH: u64 = 50 * POINT;

/// Fields of the core with a higher weight.
const CORE_FIELDS: [(&str, u64); 3] =
    [("analytics", 50 * POINT), ("totalCount", 10 * POINT), ("__schema", 100 * POINT)];

/// Weights of the fields of a schema, by name, in any type.
pub struct Weights {
    fields: HashMap<&'static str, u64>,
    lists: HashMap<&'static str, u64>,
}

impl Weights {
    /// The weights of `application`: those of the core, and those that domains set.
    #[must_use]
    pub fn of(application: &Application) -> Self {
        Self {
            fields: CORE_FIELDS.into_iter().chain(application.field_costs()).collect(),
            lists: application.list_lengths().collect(),
        }
    }

    /// The names of the weighted fields and lists.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.keys().chain(self.lists.keys()).copied()
    }

    /// The weight of the field `name`, without its selection.
    pub(crate) fn of_field(&self, name: &str, is_leaf: bool) -> u64 {
        let default = if is_leaf { LEAF } else { OBJECT };
        self.fields.get(name).copied().unwrap_or(default)
    }

    /// The usual length of the list `name`, if it has no page size.
    pub(crate) fn length_of_list(&self, name: &str) -> Option<u64> {
        self.lists.get(name).copied()
    }
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
