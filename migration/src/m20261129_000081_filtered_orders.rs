//! The indexes of the caller's tasks also contain the columns of their filters: the table is read for matching tasks
//! only, however many do not match. With `is_public`, which a policy of row-level security reads, an index-only scan
//! counts under row-level security too.
//!
//! Tasks without a due time are sorted by `CASE`: under row-level security, PostgreSQL begins no scan of an index at a
//! bound of `COALESCE`, which it does not count as leakproof.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name, and the columns after the owner.
type Indexes = [(&'static str, &'static str); 5];

const NEW: Indexes = [
    ("task_own_created", "created_at, id, completed, is_public, priority, due_at"),
    ("task_own_updated", "updated_at, id, completed, is_public, priority, due_at"),
    ("task_own_title", "title_key, id, completed, is_public, priority, due_at"),
    ("task_own_priority", "priority, id, completed, is_public, due_at"),
    (
        "task_own_due",
        "(CASE WHEN due_at IS NULL THEN '9999-12-31T23:59:59+00:00' ELSE due_at END), \
         id, completed, is_public, priority, due_at",
    ),
];

const OLD: Indexes = [
    ("task_owner_created", "created_at, id"),
    ("task_owner_updated", "updated_at, id"),
    ("task_owner_title", "title_key, id"),
    ("task_owner_priority", "priority, id, completed, due_at"),
    ("task_owner_due", "COALESCE(due_at, '9999-12-31T23:59:59+00:00'), id"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, OLD, NEW).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, NEW, OLD).await
    }
}

/// On PostgreSQL reads wait from the first `DROP INDEX` on: it comes after the indexes that take time. One that an
/// operator created beforehand, while writes went on, is used.
async fn replace(manager: &SchemaManager<'_>, old: Indexes, new: Indexes) -> Result<(), DbErr> {
    for (name, columns) in new {
        let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON task (owner_id, {columns})");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    for (name, _) in old {
        manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
    }
    Ok(())
}
