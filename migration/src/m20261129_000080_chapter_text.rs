//! Search in the titles and summaries of chapters.

use hallpass_migration::folding::{self, Folded};
use hallpass_migration::search_index::SearchIndex;
use hallpass_text::searchable;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const FOLDED: &[Folded] = &[
    Folded { column: "title_search", of: "title", by: searchable },
    Folded { column: "summary_search", of: "summary", by: searchable },
];

const INDEX: SearchIndex = SearchIndex {
    name: "chapter_text",
    table: "chapter",
    columns: &["title_search", "summary_search"],
    shown: None,
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        folding::add_columns(manager, "chapter", FOLDED).await?;
        INDEX.create(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        INDEX.drop(manager).await?;
        folding::drop_columns(manager, "chapter", FOLDED).await
    }
}
