//! Derived text columns, and the search indexes over them.

use hallpass_text::{searchable, sort_key, word_set};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::folding::{Folded, fold_all};
use crate::search_index::{self, SearchIndex};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TASK: &[Folded] = &[
    Folded { column: "title_key", of: "title", by: sort_key },
    Folded { column: "title_search", of: "title", by: searchable },
    Folded { column: "description_search", of: "description", by: searchable },
];
const COURSE: &[Folded] = &[Folded { column: "title_key", of: "title", by: sort_key }];
const CHAPTER: &[Folded] =
    &[Folded { column: "interests_search", of: "interests", by: |set| word_set(set.split('|')) }];
const KNOWN_USER: &[Folded] = &[
    Folded { column: "user_id_search", of: "user_id", by: searchable },
    Folded { column: "email_search", of: "email", by: searchable },
    Folded { column: "name_search", of: "name", by: searchable },
];
const FOLDED: [(&str, &[Folded]); 4] =
    [("task", TASK), ("course", COURSE), ("chapter", CHAPTER), ("known_user", KNOWN_USER)];

const INDEXES: [SearchIndex; 3] = [
    SearchIndex {
        name: "public_task",
        table: "task",
        columns: &["title_search"],
        shown: Some("is_public"),
    },
    SearchIndex { name: "chapter", table: "chapter", columns: &["interests_search"], shown: None },
    SearchIndex {
        name: "known_user",
        table: "known_user",
        columns: &["user_id_search", "email_search", "name_search"],
        shown: None,
    },
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in FOLDED {
            for Folded { column, .. } in columns {
                add(manager, table, column).await?;
            }
            fold_all(manager, table, columns).await?;
        }
        search_index::prepare(manager).await?;
        for index in INDEXES {
            index.create(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in INDEXES {
            index.drop(manager).await?;
        }
        search_index::clear(manager).await?;
        for (table, columns) in FOLDED {
            for Folded { column, .. } in columns {
                let dropped = Table::alter().table(table).drop_column(*column).to_owned();
                manager.alter_table(dropped).await?;
            }
        }
        Ok(())
    }
}

/// Adds a text column that is compared byte by byte, in any locale of PostgreSQL; SQLite always compares
/// so. Sort keys are never null, so that cursors can contain them.
async fn add(manager: &SchemaManager<'_>, table: &str, column: &str) -> Result<(), DbErr> {
    let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
    let collation = if is_postgres { "COLLATE \"C\"" } else { "" };
    let present = if column == "title_key" { "NOT NULL DEFAULT ''" } else { "" };
    let sql = format!("ALTER TABLE {table} ADD COLUMN {column} text {collation} {present}");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}
