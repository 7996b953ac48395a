//! The OAuth client and scopes of audit events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_null, text_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum AuditEvent {
    Table,
    ClientId,
    Scopes,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [string_null(AuditEvent::ClientId), text_null(AuditEvent::Scopes)] {
            let table = Table::alter().table(AuditEvent::Table).add_column(column).to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [AuditEvent::ClientId, AuditEvent::Scopes] {
            let table = Table::alter().table(AuditEvent::Table).drop_column(column).to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
