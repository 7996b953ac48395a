//! Derived text columns, and the search indexes over them.

use hallpass_migration::folding::{self, Folded};
use hallpass_migration::known_user_search;
use hallpass_migration::search_index::SearchIndex;
use hallpass_text::{searchable, sort_key, word_set};
use sea_orm_migration::prelude::*;

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
const FOLDED: [(&str, &[Folded]); 3] = [("task", TASK), ("course", COURSE), ("chapter", CHAPTER)];

const INDEXES: [SearchIndex; 2] = [
    SearchIndex {
        name: "public_task",
        table: "task",
        columns: &["title_search"],
        shown: Some("is_public"),
    },
    SearchIndex { name: "chapter", table: "chapter", columns: &["interests_search"], shown: None },
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in FOLDED {
            folding::add_columns(manager, table, columns).await?;
        }
        known_user_search::add(manager).await?;
        for index in INDEXES {
            index.create(manager).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in INDEXES {
            index.drop(manager).await?;
        }
        known_user_search::remove(manager).await?;
        for (table, columns) in FOLDED {
            folding::drop_columns(manager, table, columns).await?;
        }
        Ok(())
    }
}
