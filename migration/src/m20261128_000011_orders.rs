//! Indexes for the sort orders of public lists.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name, the table, the columns, and the condition of a partial index: SQLite uses it only for
/// statements with the identical condition. Whether a chapter is published depends on its course too: with
/// `course_id`, an index-only scan counts published chapters.
const INDEXES: [(&str, &str, &str, &str); 13] = [
    ("task_shown_created", "task", "created_at, id", "is_public = TRUE"),
    ("task_shown_updated", "task", "updated_at, id", "is_public = TRUE"),
    ("task_shown_title", "task", "title_key, id", "is_public = TRUE"),
    ("task_shown_completed_created", "task", "completed, created_at, id", "is_public = TRUE"),
    ("task_shown_completed_updated", "task", "completed, updated_at, id", "is_public = TRUE"),
    ("task_shown_completed_title", "task", "completed, title_key, id", "is_public = TRUE"),
    ("course_title", "course", "title_key, id", ""),
    ("course_published_title", "course", "title_key, id", "published = TRUE"),
    ("chapter_created", "chapter", "created_at, id", ""),
    ("chapter_published_created", "chapter", "created_at, id, course_id", "published = TRUE"),
    ("chapter_tier_created", "chapter", "required_tier, created_at, id", ""),
    ("chapter_place", "chapter", "course_id, ordinal, id", ""),
    ("chapter_draft_created", "chapter", "created_at, id", "published = FALSE"),
];

/// Indexes that the new ones replace, for reverting the migration.
const REPLACED: [(&str, &str, &str); 2] = [
    ("task_public_created", "task", "is_public, created_at, id"),
    ("chapter_course_ordinal", "chapter", "course_id, ordinal"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, columns, rows) in INDEXES {
            create(manager, name, table, columns, rows).await?;
        }
        for (name, ..) in REPLACED {
            drop(manager, name).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, columns) in REPLACED {
            create(manager, name, table, columns, "").await?;
        }
        for (name, ..) in INDEXES {
            drop(manager, name).await?;
        }
        Ok(())
    }
}

async fn create(
    manager: &SchemaManager<'_>,
    name: &str,
    table: &str,
    columns: &str,
    rows: &str,
) -> Result<(), DbErr> {
    let rows = if rows.is_empty() { String::new() } else { format!("WHERE {rows}") };
    let sql = format!("CREATE INDEX {name} ON {table} ({columns}) {rows}");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}

async fn drop(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
    Ok(())
}
