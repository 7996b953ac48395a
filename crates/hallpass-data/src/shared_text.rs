//! Texts of shared rows.

use std::sync::Arc;

use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable};

/// A text of a shared row, which is cached: clones share it.
#[derive(Clone, Debug)]
pub struct SharedText(pub Arc<str>);

impl TryGetable for SharedText {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        String::try_get_by(row, index).map(|text| Self(text.into()))
    }
}
