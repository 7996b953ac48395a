//! How texts are compared and searched: the same on every database.
//!
//! Databases disagree about letters: SQLite folds the case of ASCII alone, PostgreSQL by its locale. So
//! texts are folded here, the results are stored beside them, and databases compare bytes.

mod fold;
mod search;

pub use fold::{fold, sort_key};
pub use search::{Term, searchable, word_set};
