//! Search of known users: derived text columns, and the index over them.
//!
//! The migration that creates the table adds it. Databases of the shipped server may be older than that:
//! they get it with `m20261128_000010_search`.

use hallpass_text::searchable;
use sea_orm_migration::prelude::{DbErr, SchemaManager};

use crate::folding::{self, Folded};
use crate::search_index::{self, SearchIndex};

const TABLE: &str = "known_user";

const COLUMNS: &[Folded] = &[
    Folded { column: "user_id_search", of: "user_id", by: searchable },
    Folded { column: "email_search", of: "email", by: searchable },
    Folded { column: "name_search", of: "name", by: searchable },
];

const INDEX: SearchIndex = SearchIndex {
    name: "known_user",
    table: TABLE,
    columns: &["user_id_search", "email_search", "name_search"],
    shown: None,
};

/// Adds the columns, the function of every search index, and the index, unless they exist.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn add(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if exists(manager).await? {
        return Ok(());
    }
    folding::add_columns(manager, TABLE, COLUMNS).await?;
    search_index::prepare(manager).await?;
    INDEX.create(manager).await
}

/// Undoes [`add`], after the indexes of other tables are dropped.
///
/// # Errors
/// When the database is unavailable or rejects the statement.
pub async fn remove(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    if !exists(manager).await? {
        return Ok(());
    }
    INDEX.drop(manager).await?;
    search_index::clear(manager).await?;
    folding::drop_columns(manager, TABLE, COLUMNS).await
}

async fn exists(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
    manager.has_column(TABLE, "user_id_search").await
}
