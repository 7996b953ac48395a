//! The list of owned tables, for erasure, handover and row-level security.

use hallpass_data::OwnedTables;

use crate::{learner, progress, task, task_tag};

/// The owned tables of the shipped domains. Children come before their parents: rows that are deleted with their
/// parent are not counted.
#[must_use]
pub fn owned_tables() -> OwnedTables {
    OwnedTables::core()
        .with::<task_tag::Entity>()
        .with_ids::<task::Entity>()
        .with::<progress::Entity>()
        .with::<learner::Entity>()
}
