//! Search in the titles and descriptions of courses.

use hallpass_migration::folding::{self, Folded};
use hallpass_migration::search_index::SearchIndex;
use hallpass_text::searchable;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const FOLDED: &[Folded] = &[
    Folded { column: "title_search", of: "title", by: searchable },
    Folded { column: "description_search", of: "description", by: searchable },
];

const INDEX: SearchIndex = SearchIndex {
    name: "course_text",
    table: "course",
    columns: &["title_search", "description_search"],
    shown: None,
};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        folding::add_columns(manager, "course", FOLDED).await?;
        INDEX.create(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        INDEX.drop(manager).await?;
        folding::drop_columns(manager, "course", FOLDED).await
    }
}
