//! Text normalization for sorting and searching, the same on every database.
//!
//! Databases compare letters differently: SQLite folds the case of ASCII only, PostgreSQL depends on the
//! locale. So texts are normalized here, the results are stored beside them, and databases compare bytes.

mod fold;
mod search;

pub use fold::{fold, sort_key};
pub use search::{Term, searchable, word_set};
