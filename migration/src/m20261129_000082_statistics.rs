//! Indexes for the usage statistics of a period, which are counted without reading the tables.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name, the table, the columns, and the condition of a partial index.
const INDEXES: [(&str, &str, &str, &str); 3] = [
    ("task_created", "task", "created_at", ""),
    ("task_completed", "task", "completed_at", "WHERE completed = TRUE"),
    (
        "chapter_progress_completed",
        "chapter_progress",
        "chapter_id, updated_at",
        "WHERE percent = 100",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, columns, rows) in INDEXES {
            let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns}) {rows}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, ..) in INDEXES {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        Ok(())
    }
}
