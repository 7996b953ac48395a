//! Makes the foreign key from tags to tasks deferrable: both change owner in one transaction.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        alter(manager, "DEFERRABLE INITIALLY IMMEDIATE").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        alter(manager, "NOT DEFERRABLE").await
    }
}

/// SQLite defers every foreign key on request.
async fn alter(manager: &SchemaManager<'_>, how: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        let sql = format!("ALTER TABLE \"task_tag\" ALTER CONSTRAINT \"task_tag_task\" {how}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
