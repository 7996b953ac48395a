//! Access report for reviewers: the access matrix (`matrix`, `access.md`), its changes (`diff`), and the decisions
//! for a document (`explain`). Reports what [`access`](crate::access) decides; enforces nothing.

mod baseline;
pub(crate) mod diff;
mod explain;
pub(crate) mod matrix;
mod rule_tree;
mod widening;

pub use baseline::BaselineError;
pub use diff::AccessChange;
pub use explain::{FieldReport, Verdict, describe_caller, explain, note_hidden};
pub use matrix::{ABSENT, Cell, Column, HIDDEN, OPEN, Row, Table, TableError};
pub use rule_tree::RuleTree;
pub use widening::{Counterexample, MAX_COMBINATIONS};
