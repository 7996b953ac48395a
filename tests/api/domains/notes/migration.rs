//! The table of the worked example: `migration/src/m20270101_000001_notes.rs`.

use hallpass_migration::row_security;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone, uuid};

// ---
#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Note {
    Table,
    Id,
    OwnerId,
    Text,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notes = Table::create()
            .table(Note::Table)
            .col(uuid(Note::Id).primary_key())
            .col(string(Note::OwnerId))
            .col(text(Note::Text))
            .col(timestamp_with_time_zone(Note::CreatedAt))
            .to_owned();
        manager.create_table(notes).await?;
        row_security::add_owner_policies(manager, Note::Table, Note::OwnerId).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Note::Table).to_owned()).await
    }
}
