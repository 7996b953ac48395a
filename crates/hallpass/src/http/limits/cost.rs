//! Query cost: computed from the document before execution.
//!
//! async-graphql expands a fragment at each spread, so a document of a kilobyte can keep it busy for hours. Here the
//! cost of each fragment is computed once and reused: ten microseconds in the worst case.

use std::cell::Cell;
use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, VariableDefinition,
};
use async_graphql::{Name, Positioned, Value, Variables};
use async_graphql_value::Value as Written;

use super::weights::{self, Weights};

/// Assumed length of a connection without `first` and `last`.
const DEFAULT_PAGE_SIZE: u64 = 20;
/// Maximum page size.
const MAX_PAGE_SIZE: u64 = 100;
/// Length limit of response keys (aliases).
const MAX_NAME_BYTES: usize = 128;
/// Depth limit of introspection; tools use about fifteen levels.
const MAX_INTROSPECTION_DEPTH: u32 = 20;
/// Introspection fields that lead from one type to many others.
const LISTS_OF_TYPES: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];
/// Nesting limit of these fields. Tools query the fields of types, not the fields of the types of fields of types.
const MAX_TYPE_LISTS: u32 = 2;
/// Recursion limit of the visitor; the parser allows deeper documents.
const MAX_WALK_DEPTH: u32 = 64;

/// The cost of a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Weight of the fields, in tenths of a point; that of list items is multiplied by the length of the list.
    weight: u64,
    /// Aliases.
    pub(crate) aliases: u64,
    /// Directives.
    pub(crate) directives: u64,
    /// Fields; those of a fragment count once per spread.
    pub(crate) fields: u64,
    /// Levels of fields, without introspection.
    pub(crate) depth: u32,
    /// Levels of introspection.
    introspection: u32,
    /// Levels of fields named as [`LISTS_OF_TYPES`].
    lists_of_types: u32,
    /// Values in arguments, including the elements of lists and objects.
    pub(crate) values: u64,
    /// Uses of variables in arguments.
    pub(crate) uses: u64,
    /// Fields of the selection itself, not of nested selections.
    pub(crate) width: u64,
    /// Weight per item of the enclosing connection.
    weight_of_item: u64,
    /// Whether the selection belongs to a connection, beside its items.
    is_of_connection: bool,
    /// Whether `__schema` is selected; it is non-null, unlike `__type`.
    pub(crate) asks_for_schema: bool,
}

/// Why a cost cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// A fragment spreads itself.
    Cycle,
    /// Nested too deeply.
    Depth,
    /// An undefined fragment is spread.
    Unknown,
    /// A response key is too long; it is repeated for every item of a list.
    Name,
}

impl Cost {
    /// The cost in points, as `MAX_COST` limits it.
    pub(crate) fn total(&self) -> u64 {
        self.weight.saturating_add(self.weight_of_item).div_ceil(weights::POINT)
    }

    /// Whether introspection is nested deeper than tools need.
    pub(crate) fn is_introspection_too_deep(&self) -> bool {
        self.introspection > MAX_INTROSPECTION_DEPTH
    }

    fn saturating_add(self, other: Self) -> Self {
        Self {
            weight: self.weight.saturating_add(other.weight),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            introspection: self.introspection.max(other.introspection),
            lists_of_types: self.lists_of_types.max(other.lists_of_types),
            values: self.values.saturating_add(other.values),
            uses: self.uses.saturating_add(other.uses),
            width: self.width.saturating_add(other.width),
            weight_of_item: self.weight_of_item.saturating_add(other.weight_of_item),
            is_of_connection: self.is_of_connection || other.is_of_connection,
            asks_for_schema: self.asks_for_schema || other.asks_for_schema,
        }
    }
}

/// A cost, and whether it depends on the variables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) cost: Cost,
    pub(crate) depends_on_variables: bool,
}

/// The cost of the most expensive operation, with the maximum of each other count over all operations: validation
/// processes all of them.
pub(crate) fn measure(
    document: &ExecutableDocument,
    variables: &Variables,
    weights: &Weights,
) -> Result<Measured, Overflow> {
    let (memo, uses_variables) = (HashMap::new(), Cell::new(false));
    let mut visitor =
        CostVisitor { document, variables, uses_variables, weights, defaults: &[], memo };
    let mut total = Cost::default();
    for (_, operation) in document.operations.iter() {
        let cost = visitor.operation(&operation.node)?;
        total = if cost.total() > total.total() {
            max_over_types(cost, total)
        } else {
            max_over_types(total, cost)
        };
    }
    for name in document.fragments.keys() {
        visitor.fragment(name, 0)?;
    }
    Ok(Measured { cost: total, depends_on_variables: visitor.uses_variables.get() })
}

fn max_over_types(costlier: Cost, other: Cost) -> Cost {
    Cost {
        lists_of_types: costlier.lists_of_types.max(other.lists_of_types),
        aliases: costlier.aliases.max(other.aliases),
        directives: costlier.directives.max(other.directives),
        fields: costlier.fields.max(other.fields),
        depth: costlier.depth.max(other.depth),
        introspection: costlier.introspection.max(other.introspection),
        values: costlier.values.max(other.values),
        uses: costlier.uses.max(other.uses),
        asks_for_schema: costlier.asks_for_schema || other.asks_for_schema,
        width: costlier.width.max(other.width),
        ..costlier
    }
}

enum FragmentMemo {
    InProgress,
    Done(Cost),
}

struct CostVisitor<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    uses_variables: Cell<bool>,
    weights: &'a Weights,
    defaults: &'a [Positioned<VariableDefinition>],
    memo: HashMap<&'a Name, FragmentMemo>,
}

impl<'a> CostVisitor<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Cost, Overflow> {
        // The cost of a fragment depends on the operation, whose variables may have other defaults.
        self.memo.clear();
        self.defaults = &operation.variable_definitions;
        let mut cost = self.set(&operation.selection_set.node, 0)?;
        let on_variables: usize =
            operation.variable_definitions.iter().map(|v| v.node.directives.len()).sum();
        cost.directives =
            cost.directives.saturating_add(count(operation.directives.len() + on_variables));
        Ok(cost)
    }

    fn set(&mut self, set: &'a SelectionSet, level: u32) -> Result<Cost, Overflow> {
        if level > MAX_WALK_DEPTH {
            return Err(Overflow::Depth);
        }
        let mut cost = Cost::default();
        for selection in &set.items {
            cost = cost.saturating_add(match &selection.node {
                Selection::Field(field) => self.field(field, level)?,
                Selection::InlineFragment(fragment) => {
                    let mut inner = self.set(&fragment.node.selection_set.node, level + 1)?;
                    inner.directives =
                        inner.directives.saturating_add(count(fragment.node.directives.len()));
                    inner
                }
                Selection::FragmentSpread(spread) => {
                    let mut inner =
                        self.fragment_spread(&spread.node.fragment_name.node, level + 1)?;
                    inner.directives =
                        inner.directives.saturating_add(count(spread.node.directives.len()));
                    inner
                }
            });
        }
        Ok(cost)
    }

    /// Each spread costs a point in addition to its fields: async-graphql expands it each time.
    fn fragment_spread(&mut self, name: &'a Name, level: u32) -> Result<Cost, Overflow> {
        let cost = self.fragment(name, level)?;
        Ok(Cost { weight: cost.weight.saturating_add(weights::OBJECT), ..cost })
    }

    fn fragment(&mut self, name: &'a Name, level: u32) -> Result<Cost, Overflow> {
        match self.memo.get(name) {
            Some(FragmentMemo::Done(cost)) => return Ok(*cost),
            Some(FragmentMemo::InProgress) => return Err(Overflow::Cycle),
            None => {}
        }
        let fragment = self.document.fragments.get(name).ok_or(Overflow::Unknown)?;
        self.memo.insert(name, FragmentMemo::InProgress);
        let cost = self.set(&fragment.node.selection_set.node, level)?;
        self.memo.insert(name, FragmentMemo::Done(cost));
        Ok(cost)
    }

    fn field(&mut self, field: &'a Positioned<Field>, level: u32) -> Result<Cost, Overflow> {
        let field = &field.node;
        let name = field.name.node.as_str();
        if field.response_key().node.len() > MAX_NAME_BYTES {
            return Err(Overflow::Name);
        }
        let (values, uses) = field.arguments.iter().fold((0, 0), |all: (u64, u64), (_, value)| {
            let part = written(&value.node);
            (all.0 + part.0, all.1 + part.1)
        });
        let below = self.set(&field.selection_set.node, level + 1)?;
        let is_leaf = field.selection_set.node.items.is_empty();
        let own = self
            .weights
            .of_field(name, is_leaf)
            .saturating_add(weights::of_arguments(field, &|name: &Name| self.variable(name)));
        let items = self.items(field, &below);
        let (weight, weight_of_item) = match (matches!(name, "nodes" | "edges"), items) {
            (true, None) => (0, below.weight.saturating_add(own)),
            (_, None) => (below.weight.saturating_add(own), 0),
            // A connection without its items.
            (_, Some(_)) if below.is_of_connection && below.weight_of_item == 0 => {
                (below.weight.saturating_add(own), 0)
            }
            (_, Some(items)) if below.weight_of_item > 0 => {
                let all = below.weight_of_item.saturating_mul(items);
                (below.weight.saturating_add(all).saturating_add(own), 0)
            }
            (_, Some(items)) => {
                let item = below.weight.saturating_add(weights::OBJECT);
                (item.saturating_mul(items).saturating_add(own), 0)
            }
        };
        let (depth, introspection) = match name.starts_with("__") {
            true if below.lists_of_types > MAX_TYPE_LISTS => (0, u32::MAX),
            true => (0, below.depth.saturating_add(1)),
            false => (below.depth.saturating_add(1), below.introspection),
        };
        Ok(Cost {
            weight,
            weight_of_item,
            aliases: below.aliases.saturating_add(u64::from(field.alias.is_some())),
            directives: below.directives.saturating_add(count(field.directives.len())),
            fields: below.fields.saturating_add(1),
            depth,
            introspection,
            lists_of_types: below.lists_of_types + u32::from(LISTS_OF_TYPES.contains(&name)),
            values: below.values.saturating_add(values),
            uses: below.uses.saturating_add(uses),
            width: 1,
            is_of_connection: matches!(name, "totalCount" | "pageInfo"),
            asks_for_schema: name == "__schema",
        })
    }

    /// The number of items of the field, if it is a list or a connection.
    fn items(&self, field: &Field, below: &Cost) -> Option<u64> {
        let explicit = self.page_size_argument(field).or_else(|| self.named_rows(field));
        let default = || (below.weight_of_item > 0).then_some(DEFAULT_PAGE_SIZE);
        explicit.or_else(default).or_else(|| self.weights.length_of_list(field.name.node.as_str()))
    }

    /// The number of ids in the argument `ids`, or of new rows in `inputs`: the number of rows returned.
    fn named_rows(&self, field: &Field) -> Option<u64> {
        let rows = field.get_argument("ids").or_else(|| field.get_argument("inputs"))?;
        let length = match &rows.node {
            Written::List(items) => items.len(),
            Written::Variable(name) => match self.variable(name)? {
                Value::List(items) => items.len(),
                _ => 1,
            },
            _ => 1,
        };
        Some(count(length).clamp(1, MAX_PAGE_SIZE))
    }

    /// The larger of `first` and `last`, if either is given and not null.
    fn page_size_argument(&self, field: &Field) -> Option<u64> {
        // Variables are not resolved: a list of variables would be copied before it is counted.
        let explicit = ["first", "last"].iter().filter_map(|name| {
            let number = match &field.get_argument(name)?.node {
                Written::Number(number) => number,
                Written::Variable(name) => match self.variable(name)? {
                    Value::Number(number) => number,
                    _ => return None,
                },
                _ => return None,
            };
            Some(number.as_u64().unwrap_or(1))
        });
        explicit.max().map(|length| length.clamp(1, MAX_PAGE_SIZE))
    }

    fn variable(&self, name: &Name) -> Option<&'a Value> {
        self.uses_variables.set(true);
        let default = || {
            let definition = self.defaults.iter().find(|d| d.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|value| &value.node)
        };
        self.variables.get(name).or_else(default)
    }
}

/// The number of values, including the elements of lists and objects, and of uses of variables.
fn written(value: &Written) -> (u64, u64) {
    let parts: Vec<_> = match value {
        Written::Variable(_) => return (1, 1),
        Written::List(items) => items.iter().map(written).collect(),
        Written::Object(members) => members.values().map(written).collect(),
        Written::Null
        | Written::Number(_)
        | Written::String(_)
        | Written::Boolean(_)
        | Written::Binary(_)
        | Written::Enum(_) => return (1, 0),
    };
    parts.into_iter().fold((1, 0), |all, part| (all.0 + part.0, all.1 + part.1))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
