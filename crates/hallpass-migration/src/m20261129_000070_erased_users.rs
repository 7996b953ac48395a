//! Pseudonyms of recently erased users, for events of their tokens that have not expired.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, text, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum ErasedUser {
    Table,
    Pseudonym,
    UserId,
    ErasedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let users = Table::create()
            .table(ErasedUser::Table)
            .col(string(ErasedUser::Pseudonym).primary_key())
            .col(text(ErasedUser::UserId))
            .col(timestamp_with_time_zone(ErasedUser::ErasedAt))
            .to_owned();
        manager.create_table(users).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ErasedUser::Table).to_owned()).await
    }
}
