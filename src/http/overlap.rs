//! Two fields under one name must be the same field (section 5.3.2 of the GraphQL specification). The
//! library compares fields of one selection only; where selections merge, one answer would silently
//! stand for two questions.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned};

/// A field, and the type that a fragment around it is about.
type Found<'a> = (Option<&'a Name>, &'a Field);

/// The first name in the answer under which an operation asks for different fields. For documents
/// whose cost is within its limit: fragments are expanded here.
pub(super) fn conflict(document: &ExecutableDocument) -> Option<&Name> {
    let operations = document.operations.iter().map(|(_, operation)| operation);
    operations
        .map(|operation| vec![(None, &operation.node.selection_set.node)])
        .find_map(|sets| conflict_in(document, sets))
}

fn conflict_in<'a>(
    document: &'a ExecutableDocument,
    sets: Vec<(Option<&'a Name>, &'a SelectionSet)>,
) -> Option<&'a Name> {
    let mut named = HashMap::<&Name, Vec<Found<'a>>>::new();
    for (about, set) in sets {
        collect(document, about, set, &mut named);
    }
    named.into_iter().find_map(|(name, fields)| {
        let differ = fields.iter().enumerate().any(|(at, one)| {
            fields[..at].iter().any(|other| may_meet(one.0, other.0) && !is_same(one.1, other.1))
        });
        if differ {
            return Some(name);
        }
        let below = fields.iter().map(|(about, field)| (*about, &field.selection_set.node));
        let below: Vec<_> = below.filter(|(_, set)| !set.items.is_empty()).collect();
        if below.is_empty() { None } else { conflict_in(document, below) }
    })
}

fn collect<'a>(
    document: &'a ExecutableDocument,
    about: Option<&'a Name>,
    set: &'a SelectionSet,
    named: &mut HashMap<&'a Name, Vec<Found<'a>>>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(Positioned { node: field, .. }) => {
                named.entry(&field.response_key().node).or_default().push((about, field));
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let about = condition.map_or(about, |condition| Some(&condition.node.on.node));
                collect(document, about, &fragment.node.selection_set.node, named);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    let about = Some(&fragment.node.type_condition.node.on.node);
                    collect(document, about, &fragment.node.selection_set.node, named);
                }
            }
        }
    }
}

/// Fields of fragments about different types stand in different objects.
fn may_meet(one: Option<&Name>, other: Option<&Name>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn is_same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| {
            other.get_argument(&name.node).is_some_and(|other| other.node == value.node)
        })
}
