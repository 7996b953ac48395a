//! Tasks and their tags.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, small_integer, string, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Task {
    Table,
    Id,
    OwnerId,
    Title,
    Description,
    Completed,
    CompletedAt,
    Priority,
    DueAt,
    IsPublic,
    Version,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum TaskTag {
    Table,
    Id,
    TaskId,
    OwnerId,
    Tag,
    Ordinal,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(tasks()).await?;
        manager.create_table(tags()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TaskTag::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Task::Table).to_owned()).await
    }
}

fn tasks() -> TableCreateStatement {
    Table::create()
        .table(Task::Table)
        .col(uuid(Task::Id).primary_key())
        .col(string(Task::OwnerId))
        .col(string(Task::Title))
        .col(text_null(Task::Description))
        .col(boolean(Task::Completed))
        .col(timestamp_with_time_zone_null(Task::CompletedAt))
        .col(small_integer(Task::Priority))
        .col(timestamp_with_time_zone_null(Task::DueAt))
        .col(boolean(Task::IsPublic))
        .col(integer(Task::Version))
        .col(timestamp_with_time_zone(Task::CreatedAt))
        .col(timestamp_with_time_zone(Task::UpdatedAt))
        // The target of composite foreign keys: a row together with its owner.
        .index(Index::create().unique().name("task_id_owner_id").col(Task::Id).col(Task::OwnerId))
        .to_owned()
}

fn tags() -> TableCreateStatement {
    Table::create()
        .table(TaskTag::Table)
        .col(uuid(TaskTag::Id).primary_key())
        .col(uuid(TaskTag::TaskId))
        .col(string(TaskTag::OwnerId))
        .col(string(TaskTag::Tag))
        .col(integer(TaskTag::Ordinal))
        .foreign_key(
            ForeignKey::create()
                .name("task_tag_task")
                .from(TaskTag::Table, (TaskTag::TaskId, TaskTag::OwnerId))
                .to(Task::Table, (Task::Id, Task::OwnerId))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// Indexes for the growing and most frequent lists, owner first. Other orders sort the rows of one
/// owner.
fn indexes() -> Vec<IndexCreateStatement> {
    let on_task = |name: &str, column: Task| {
        Index::create()
            .name(name)
            .table(Task::Table)
            .col(Task::OwnerId)
            .col(column)
            .col(Task::Id)
            .to_owned()
    };
    vec![
        on_task("task_owner_created", Task::CreatedAt),
        on_task("task_owner_updated", Task::UpdatedAt),
        Index::create()
            .name("task_public_created")
            .table(Task::Table)
            .col(Task::IsPublic)
            .col(Task::CreatedAt)
            .col(Task::Id)
            .to_owned(),
        Index::create()
            .unique()
            .name("task_tag_once")
            .table(TaskTag::Table)
            .col(TaskTag::TaskId)
            .col(TaskTag::Tag)
            .to_owned(),
        Index::create()
            .name("task_tag_owner_tag")
            .table(TaskTag::Table)
            .col(TaskTag::OwnerId)
            .col(TaskTag::Tag)
            .to_owned(),
    ]
}
