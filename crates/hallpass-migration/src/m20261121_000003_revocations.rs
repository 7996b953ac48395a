//! Revocations pushed by the auth server.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, string_null, timestamp_with_time_zone};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Revocation {
    Table,
    Id,
    SessionId,
    UserId,
    RevokedAt,
    HeardAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let revocations = Table::create()
            .table(Revocation::Table)
            .col(string(Revocation::Id).primary_key())
            .col(string_null(Revocation::SessionId))
            .col(string_null(Revocation::UserId))
            .col(timestamp_with_time_zone(Revocation::RevokedAt))
            .col(timestamp_with_time_zone(Revocation::HeardAt))
            .to_owned();
        manager.create_table(revocations).await?;
        let by_age = Index::create()
            .name("revocation_heard_at")
            .table(Revocation::Table)
            .col(Revocation::HeardAt)
            .to_owned();
        manager.create_index(by_age).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Revocation::Table).to_owned()).await
    }
}
