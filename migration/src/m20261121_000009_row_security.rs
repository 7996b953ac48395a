//! Row-level security policies of the owned tables (PostgreSQL).

use hallpass_migration::row_security;
use sea_orm_migration::prelude::*;

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
        row_security::add_owner_policies(manager, Task::Table, Task::OwnerId).await?;
        row_security::add_public_read_policy(manager, Task::Table, Task::IsPublic).await?;
        row_security::add_owner_policies(manager, TaskTag::Table, TaskTag::OwnerId).await?;
        row_security::add_owner_policies(manager, ChapterProgress::Table, ChapterProgress::OwnerId)
            .await?;
        row_security::add_owner_policies(manager, LearnerProfile::Table, LearnerProfile::OwnerId)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        row_security::drop_policies(manager, Task::Table).await?;
        row_security::drop_policies(manager, TaskTag::Table).await?;
        row_security::drop_policies(manager, ChapterProgress::Table).await?;
        row_security::drop_policies(manager, LearnerProfile::Table).await
    }
}
