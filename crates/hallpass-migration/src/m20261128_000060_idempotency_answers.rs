//! The answer of an idempotent mutation.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum IdempotencyKey {
    Table,
    Answer,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let answer = text_null(IdempotencyKey::Answer);
        let table = Table::alter().table(IdempotencyKey::Table).add_column(answer).to_owned();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let answer = IdempotencyKey::Answer;
        let table = Table::alter().table(IdempotencyKey::Table).drop_column(answer).to_owned();
        manager.alter_table(table).await
    }
}
