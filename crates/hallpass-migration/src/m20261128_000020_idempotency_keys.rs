//! Idempotency keys of mutations.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, timestamp_with_time_zone, uuid, uuid_null};

use crate::row_security;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum IdempotencyKey {
    Table,
    OwnerId,
    Key,
    Claim,
    Fingerprint,
    RowId,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(IdempotencyKey::Table)
            .col(string(IdempotencyKey::OwnerId))
            .col(string(IdempotencyKey::Key))
            .col(uuid(IdempotencyKey::Claim))
            .col(string(IdempotencyKey::Fingerprint))
            .col(uuid_null(IdempotencyKey::RowId))
            .col(timestamp_with_time_zone(IdempotencyKey::CreatedAt))
            .primary_key(Index::create().col(IdempotencyKey::OwnerId).col(IdempotencyKey::Key))
            .to_owned();
        manager.create_table(keys).await?;
        let age = Index::create()
            .name("idempotency_key_created_at")
            .table(IdempotencyKey::Table)
            .col(IdempotencyKey::CreatedAt)
            .to_owned();
        manager.create_index(age).await?;
        row_security::add_owner_policies(manager, IdempotencyKey::Table, IdempotencyKey::OwnerId)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(IdempotencyKey::Table).to_owned()).await
    }
}
