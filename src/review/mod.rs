//! What reviewers read: who may use which field (`table`), how that changed (`change`), and what a document
//! would be told (`explain`). Nothing here enforces anything: it shows what [`access`](crate::access) decides.

mod change;
mod explain;
mod table;

pub use change::AccessChange;
pub use explain::{FieldReport, Verdict, explain, note_hidden};
pub use table::{ABSENT, Cell, Column, HIDDEN, OPEN, Row, Table, TableError};
