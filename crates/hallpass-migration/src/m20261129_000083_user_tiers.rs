//! An index that counts known users by tier.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum KnownUser {
    Table,
    Tier,
}

const NAME: &str = "known_user_tier";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .if_not_exists()
            .name(NAME)
            .table(KnownUser::Table)
            .col(KnownUser::Tier)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(NAME).table(KnownUser::Table).to_owned()).await
    }
}
