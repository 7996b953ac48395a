//! Indexes for the sort orders of the caller's tasks. Tasks without a due time are sorted as if they were due at the last
//! one. The index by priority also has what the statistics of tasks need.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name, and the columns after the owner.
const INDEXES: [(&str, &str); 3] = [
    ("task_owner_priority", "priority, id, completed, due_at"),
    ("task_owner_title", "title_key, id"),
    ("task_owner_due", "COALESCE(due_at, '9999-12-31T23:59:59+00:00'), id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns) in INDEXES {
            let sql = format!("CREATE INDEX {name} ON task (owner_id, {columns})");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            let sql = format!("DROP INDEX {name}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
