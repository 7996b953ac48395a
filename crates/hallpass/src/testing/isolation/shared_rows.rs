//! Rows of shared tables, which the fixture of a suite inserts.

use hallpass_data::Database;
use hallpass_data::policy::{self, Scoped};

/// Inserts rows of shared tables.
pub struct SharedRows(pub(super) Database);

impl SharedRows {
    /// Inserts rows.
    ///
    /// # Errors
    /// When the database is unavailable, or rejects a row.
    pub async fn insert_all<E: Scoped<Policy = policy::Shared>>(
        &self,
        rows: Vec<E::ActiveModel>,
    ) -> Result<(), hallpass_data::Error> {
        self.0.insert_rows::<E>(rows).await
    }
}
