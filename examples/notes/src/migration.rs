//! Creates the tables.

use hallpass::migration::OwnedTable;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone};

/// All migrations, oldest first.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Migration)]
}

struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20270101_000001_notes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notes = OwnedTable::new("note").column(text("text"));
        notes.column(timestamp_with_time_zone("created_at")).create(manager).await?;
        let tags = OwnedTable::new("note_tag").child_of("note", "note_id");
        tags.column(string("tag")).create(manager).await
    }
}
