//! The last key set of each source, for servers that start while the source is unavailable.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum KeySet {
    Table,
    Source,
    Document,
    FetchedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sets = Table::create()
            .table(KeySet::Table)
            .col(string(KeySet::Source).primary_key())
            .col(text(KeySet::Document))
            .col(timestamp_with_time_zone(KeySet::FetchedAt))
            .to_owned();
        manager.create_table(sets).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(KeySet::Table).to_owned()).await
    }
}
