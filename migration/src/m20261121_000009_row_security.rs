//! What PostgreSQL itself knows of whose the rows are.

use sea_orm_migration::prelude::*;

use crate::wall;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Task {
    Table,
    OwnerId,
    IsPublic,
}

#[derive(DeriveIden)]
enum TaskTag {
    Table,
    OwnerId,
}

#[derive(DeriveIden)]
enum ChapterProgress {
    Table,
    OwnerId,
}

#[derive(DeriveIden)]
enum LearnerProfile {
    Table,
    OwnerId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        wall::add_owner_policies(manager, Task::Table, Task::OwnerId).await?;
        wall::add_public_read_policy(manager, Task::Table, Task::IsPublic).await?;
        wall::add_owner_policies(manager, TaskTag::Table, TaskTag::OwnerId).await?;
        wall::add_owner_policies(manager, ChapterProgress::Table, ChapterProgress::OwnerId).await?;
        wall::add_owner_policies(manager, LearnerProfile::Table, LearnerProfile::OwnerId).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        wall::drop_policies(manager, Task::Table).await?;
        wall::drop_policies(manager, TaskTag::Table).await?;
        wall::drop_policies(manager, ChapterProgress::Table).await?;
        wall::drop_policies(manager, LearnerProfile::Table).await
    }
}
