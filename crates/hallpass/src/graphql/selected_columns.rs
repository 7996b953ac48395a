//! The columns of a list's rows that its client selects.

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Context, Name, Positioned};
use hallpass_data::{EntityTrait, PartialModel};

use super::object::GuardedObject;

type Column<M> = <<M as PartialModel>::Entity as EntityTrait>::Column;
type Fragments = std::collections::HashMap<Name, Positioned<FragmentDefinition>>;

/// The columns of a table that a list reads, for [`paginate_partial`](super::paginate_partial).
pub struct SelectedColumns<M: PartialModel>(Vec<Column<M>>);

impl<M: PartialModel> SelectedColumns<M> {
    /// The columns that the selected fields of the nodes `N` read, and those that each node reads: `always`. All columns,
    /// if a selected field is not plain, or may read any column. `ctx` is that of a field that returns a connection.
    #[must_use]
    pub fn of<N: GuardedObject>(ctx: &Context<'_>, always: &[Column<M>]) -> Self {
        let mut selected = Some(always.to_vec());
        let fragments = &ctx.query_env.fragments;
        let mut node = |node: &Field| {
            each_field(&node.selection_set.node, fragments, &mut |field| match (
                columns_of::<M, N>(field),
                &mut selected,
            ) {
                (Some(columns), Some(selected)) => selected.extend(columns),
                _ => selected = None,
            });
        };
        each_field(&ctx.item.node.selection_set.node, fragments, &mut |field| {
            match field.name.node.as_str() {
                "nodes" => node(field),
                // The other field of an edge is its cursor.
                "edges" => each_field(&field.selection_set.node, fragments, &mut node),
                _ => {}
            }
        });
        Self(selected.unwrap_or_else(|| M::COLUMNS.to_vec()))
    }

    pub(super) fn columns(&self) -> &[Column<M>] {
        &self.0
    }
}

/// The columns that a field reads. None if they are not known.
fn columns_of<M: PartialModel, N: GuardedObject>(
    field: &Field,
) -> Option<impl Iterator<Item = Column<M>> + use<M, N>> {
    let names = match field.name.node.as_str() {
        "__typename" => &[],
        name => N::plain_columns(N::plain_field(name)?)?,
    };
    let is_known = names.iter().all(|name| M::column(name).is_some());
    is_known.then(|| names.iter().filter_map(|name| M::column(name)))
}

/// Calls `visit` for each field of a selection, and of its fragments.
fn each_field<'a>(
    set: &'a SelectionSet,
    fragments: &'a Fragments,
    visit: &mut dyn FnMut(&'a Field),
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => visit(&field.node),
            Selection::InlineFragment(fragment) => {
                each_field(&fragment.node.selection_set.node, fragments, visit);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    each_field(&fragment.node.selection_set.node, fragments, visit);
                }
            }
        }
    }
}
