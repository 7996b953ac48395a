//! Creates the tables.

use hallpass::migration::row_security::add_owner_policies;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone, uuid};

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
        let mut notes = Table::create().table("note").to_owned();
        notes.col(uuid("id").primary_key()).col(string("owner_id")).col(text("text"));
        notes.col(timestamp_with_time_zone("created_at"));
        manager.create_table(notes).await?;
        let mut tags = Table::create().table("note_tag").to_owned();
        tags.col(uuid("id").primary_key()).col(uuid("note_id")).col(string("owner_id")).col(string("tag"));
        tags.foreign_key(
            ForeignKey::create().from("note_tag", "note_id").to("note", "id").on_delete(ForeignKeyAction::Cascade),
        );
        manager.create_table(tags).await?;
        add_owner_policies(manager, "note", "owner_id").await?;
        add_owner_policies(manager, "note_tag", "owner_id").await
    }
}
