//! Which operations are executed with collected fields.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Positioned, Variables};

use super::{Conflict, collect_fields};
use crate::code;
use crate::http::graphql::rejection::Rejection;
use crate::http::limits::cost::Cost;
use crate::http::limits::document_cache::Document;
use crate::schema::SchemaForView;

/// The kind of an operation. A subscription has one root field, or a fragment with one (section 5.2.3.1 of the GraphQL
/// specification).
pub(crate) fn kind_of(operation: &OperationDefinition) -> Result<OperationType, Rejection> {
    match operation.selection_set.node.items.as_slice() {
        [only] if !has_directives(only) => Ok(operation.ty),
        _ if operation.ty == OperationType::Subscription => Err(Rejection::several_roots()),
        _ => Ok(operation.ty),
    }
}

/// The document that is executed in place of a valid one. None if it is executed as it is.
pub(crate) fn executed(
    document: &Document,
    operation: &OperationDefinition,
    cost: &Cost,
    variables: &Variables,
    visible: &SchemaForView,
) -> Result<Option<Arc<ExecutableDocument>>, Rejection> {
    let is_subscription = operation.ty == OperationType::Subscription;
    let is_collected = cost.directives > 0
        || document.has_repeated_keys
        || document.may_omit_required.load(Ordering::Acquire)
        || (is_subscription && !has_root_field(operation));
    if !is_collected {
        return Ok(None);
    }
    let collected = collect_fields(&document.parsed, operation, variables, &visible.types);
    let collected = collected.map_err(|conflict| match conflict {
        Conflict::Arguments(key) => Rejection::document(
            code::GRAPHQL_VALIDATION_FAILED,
            format!("Fields with the response key `{key}` have different arguments: use aliases."),
        ),
        Conflict::TooMany => Rejection::query("The query has too many fields.".to_owned()),
    })?;
    if is_subscription && !collected.operations.iter().all(|(_, it)| has_root_field(&it.node)) {
        return Err(Rejection::several_roots());
    }
    Ok(Some(Arc::new(collected)))
}

/// Whether the only root selection is a field: the library does not look into fragments.
fn has_root_field(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [only] => matches!(only.node, Selection::Field(_)),
        _ => false,
    }
}

fn has_directives(selection: &Positioned<Selection>) -> bool {
    !selection.node.directives().is_empty()
}
