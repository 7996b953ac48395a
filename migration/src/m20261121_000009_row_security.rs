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
        wall::guard(manager, Task::Table, Task::OwnerId).await?;
        wall::show(manager, Task::Table, Task::IsPublic).await?;
        wall::guard(manager, TaskTag::Table, TaskTag::OwnerId).await?;
        wall::guard(manager, ChapterProgress::Table, ChapterProgress::OwnerId).await?;
        wall::guard(manager, LearnerProfile::Table, LearnerProfile::OwnerId).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        wall::unguard(manager, Task::Table).await?;
        wall::unguard(manager, TaskTag::Table).await?;
        wall::unguard(manager, ChapterProgress::Table).await?;
        wall::unguard(manager, LearnerProfile::Table).await
    }
}
