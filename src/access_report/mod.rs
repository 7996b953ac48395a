//! What reviewers read: who may use which field (`table`), how that changed (`change`), and what a document
//! would be told (`explain`). Nothing here enforces anything: it shows what [`access`](crate::access) decides.

pub(crate) mod diff;
mod explain;
pub(crate) mod matrix;

pub use diff::AccessChange;
pub use explain::{FieldReport, Verdict, explain, note_hidden};
pub use matrix::{ABSENT, Cell, Column, HIDDEN, OPEN, Row, Table, TableError};
