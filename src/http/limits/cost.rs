//! Query cost: computed from the document before anything runs.
//!
//! The library expands a fragment again at each spread, so a document of a kilobyte can keep it busy
//! for hours. Here each fragment is counted once and multiplied: ten microseconds for the worst.

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, VariableDefinition,
};
use async_graphql::{Name, Positioned, Value, Variables};
use async_graphql_value::Value as Written;

use super::weights;

/// A list without a stated length has this many items.
const DEFAULT_PAGE_SIZE: u64 = 20;
/// No list is longer.
const MAX_PAGE_SIZE: u64 = 100;
/// The longest name that an answer may give a field.
const MAX_NAME_BYTES: usize = 128;
/// Deeper than any document that means well: introspection goes to about fifteen.
const MAX_INTROSPECTION_DEPTH: u32 = 20;
/// The lists of a type, by which introspection comes from one type to many others.
const LISTS_OF_TYPES: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];
/// Tools ask for the fields of types, not for the fields of the types of fields of types.
const MAX_TYPE_LISTS: u32 = 2;
/// The recursion of this walk, which the parser allows more of.
const MAX_WALK_DEPTH: u32 = 64;

/// What a selection asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// What is to be resolved, in tenths of a point, lists multiplied by their length.
    weight: u64,
    /// Aliases.
    pub(crate) aliases: u64,
    /// Directives.
    pub(crate) directives: u64,
    /// Fields, those of fragments once for each spread.
    pub(crate) fields: u64,
    /// Levels of fields, introspection aside.
    pub(crate) depth: u32,
    /// Levels of introspection.
    introspection: u32,
    /// Levels of lists that would be [`LISTS_OF_TYPES`] in introspection.
    lists_of_types: u32,
    /// Values written in arguments, their parts included.
    pub(crate) values: u64,
    /// Uses of variables in arguments.
    pub(crate) uses: u64,
    /// Fields of the selection itself, not of what is below.
    pub(crate) width: u64,
    /// The same for each item of the connection that it stands in.
    weight_of_item: u64,
    /// Whether it stands in a connection, beside its items.
    is_of_connection: bool,
    /// Whether it asks for the whole schema, which is never null; `__type` may be.
    pub(crate) asks_for_schema: bool,
}

/// Why a document cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// A fragment spreads itself.
    Cycle,
    /// Too deep to follow.
    Depth,
    /// A fragment that is not there: what spreads it would be expanded all the same.
    Unknown,
    /// A name in the answer that is longer than any name: it is repeated for every item of a list.
    Name,
}

impl Cost {
    /// The cost in points, which is held against `MAX_COST`.
    pub(crate) fn total(&self) -> u64 {
        self.weight.saturating_add(self.weight_of_item).div_ceil(weights::POINT)
    }

    /// Whether introspection goes deeper than any tool needs.
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

/// The costliest of the document's operations: validation looks at them all.
pub(crate) fn measure(
    document: &ExecutableDocument,
    variables: &Variables,
) -> Result<Cost, Overflow> {
    let mut walk = CostVisitor { document, variables, defaults: &[], counted: HashMap::new() };
    let mut worst = Cost::default();
    for (_, operation) in document.operations.iter() {
        let cost = walk.operation(&operation.node)?;
        worst = if cost.total() > worst.total() {
            max_over_types(cost, worst)
        } else {
            max_over_types(worst, cost)
        };
    }
    for name in document.fragments.keys() {
        walk.fragment(name, 0)?;
    }
    Ok(worst)
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
    UnderWay,
    Done(Cost),
}

struct CostVisitor<'a> {
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    defaults: &'a [Positioned<VariableDefinition>],
    counted: HashMap<&'a Name, FragmentMemo>,
}

impl<'a> CostVisitor<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Cost, Overflow> {
        // The same fragment may cost another operation more: variables have other defaults there.
        self.counted.clear();
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

    /// Each spread costs a point, whatever it brings: the library expands it each time.
    fn fragment_spread(&mut self, name: &'a Name, level: u32) -> Result<Cost, Overflow> {
        let cost = self.fragment(name, level)?;
        Ok(Cost { weight: cost.weight.saturating_add(weights::OBJECT), ..cost })
    }

    fn fragment(&mut self, name: &'a Name, level: u32) -> Result<Cost, Overflow> {
        match self.counted.get(name) {
            Some(FragmentMemo::Done(cost)) => return Ok(*cost),
            Some(FragmentMemo::UnderWay) => return Err(Overflow::Cycle),
            None => {}
        }
        let fragment = self.document.fragments.get(name).ok_or(Overflow::Unknown)?;
        self.counted.insert(name, FragmentMemo::UnderWay);
        let cost = self.set(&fragment.node.selection_set.node, level)?;
        self.counted.insert(name, FragmentMemo::Done(cost));
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
        let own = weights::of_field(name, is_leaf)
            .saturating_add(weights::of_arguments(field, &|name: &Name| self.variable(name)));
        let items = self.items(field, &below);
        let (weight, weight_of_item) = match (matches!(name, "nodes" | "edges"), items) {
            (true, None) => (0, below.weight.saturating_add(own)),
            (_, None) => (below.weight.saturating_add(own), 0),
            // A connection of which no item is asked for.
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

    /// How many items the field has, if it is a list or a connection.
    fn items(&self, field: &Field, below: &Cost) -> Option<u64> {
        let stated = self.page_size_argument(field).or_else(|| self.named_rows(field));
        let usual = || (below.weight_of_item > 0).then_some(DEFAULT_PAGE_SIZE);
        stated.or_else(usual).or_else(|| weights::length_of_list(field.name.node.as_str()))
    }

    /// How many ids the argument `ids` names: as many rows are answered.
    fn named_rows(&self, field: &Field) -> Option<u64> {
        let length = match &field.get_argument("ids")?.node {
            Written::List(items) => items.len(),
            Written::Variable(name) => match self.variable(name)? {
                Value::List(items) => items.len(),
                _ => 1,
            },
            _ => 1,
        };
        Some(count(length).clamp(1, MAX_PAGE_SIZE))
    }

    /// The longer of `first` and `last`, where either is given; null is as good as not given.
    fn page_size_argument(&self, field: &Field) -> Option<u64> {
        // Looked at, never resolved: a list of variables would be copied out before it is counted.
        let stated = ["first", "last"].iter().filter_map(|name| {
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
        stated.max().map(|length| length.clamp(1, MAX_PAGE_SIZE))
    }

    fn variable(&self, name: &Name) -> Option<&'a Value> {
        let default = || {
            let definition = self.defaults.iter().find(|d| d.node.name.node == *name)?;
            definition.node.default_value.as_ref().map(|value| &value.node)
        };
        self.variables.get(name).or_else(default)
    }
}

/// The values written here, the parts of lists and objects included, and the uses of variables.
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
