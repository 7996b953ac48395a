//! The state after a revocation: sessions that stay valid, and the properties that tokens must agree with.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::string_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Revocation {
    Table,
    State,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(Revocation::Table)
            .add_column(string_null(Revocation::State))
            .to_owned();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column =
            Table::alter().table(Revocation::Table).drop_column(Revocation::State).to_owned();
        manager.alter_table(column).await
    }
}
