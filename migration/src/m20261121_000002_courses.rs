//! Courses, chapters, their variants, and learners' progress.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, small_integer, string, text, timestamp_with_time_zone, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Course {
    Table,
    Id,
    Slug,
    Title,
    Description,
    Interests,
    Published,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Chapter {
    Table,
    Id,
    CourseId,
    Slug,
    Title,
    Summary,
    Ordinal,
    Interests,
    RequiredTier,
    Published,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum ChapterVariant {
    Table,
    Id,
    ChapterId,
    Level,
    Hardware,
    Body,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum ChapterProgress {
    Table,
    OwnerId,
    ChapterId,
    Percent,
    Bookmarked,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(courses()).await?;
        manager.create_table(chapters()).await?;
        manager.create_table(variants()).await?;
        manager.create_table(progress()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ChapterProgress::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(ChapterVariant::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Chapter::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Course::Table).to_owned()).await
    }
}

fn courses() -> TableCreateStatement {
    Table::create()
        .table(Course::Table)
        .col(uuid(Course::Id).primary_key())
        .col(string(Course::Slug).unique_key())
        .col(string(Course::Title))
        .col(text(Course::Description))
        .col(string(Course::Interests))
        .col(boolean(Course::Published))
        .col(timestamp_with_time_zone(Course::CreatedAt))
        .col(timestamp_with_time_zone(Course::UpdatedAt))
        .to_owned()
}

fn chapters() -> TableCreateStatement {
    Table::create()
        .table(Chapter::Table)
        .col(uuid(Chapter::Id).primary_key())
        .col(uuid(Chapter::CourseId))
        .col(string(Chapter::Slug).unique_key())
        .col(string(Chapter::Title))
        .col(text(Chapter::Summary))
        .col(integer(Chapter::Ordinal))
        .col(string(Chapter::Interests))
        .col(string(Chapter::RequiredTier))
        .col(boolean(Chapter::Published))
        .col(timestamp_with_time_zone(Chapter::CreatedAt))
        .col(timestamp_with_time_zone(Chapter::UpdatedAt))
        .foreign_key(
            ForeignKey::create()
                .name("chapter_course")
                .from(Chapter::Table, Chapter::CourseId)
                .to(Course::Table, Course::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn variants() -> TableCreateStatement {
    Table::create()
        .table(ChapterVariant::Table)
        .col(uuid(ChapterVariant::Id).primary_key())
        .col(uuid(ChapterVariant::ChapterId))
        .col(small_integer(ChapterVariant::Level))
        .col(small_integer(ChapterVariant::Hardware))
        .col(text(ChapterVariant::Body))
        .col(timestamp_with_time_zone(ChapterVariant::UpdatedAt))
        .foreign_key(
            ForeignKey::create()
                .name("chapter_variant_chapter")
                .from(ChapterVariant::Table, ChapterVariant::ChapterId)
                .to(Chapter::Table, Chapter::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn progress() -> TableCreateStatement {
    Table::create()
        .table(ChapterProgress::Table)
        .col(string(ChapterProgress::OwnerId))
        .col(uuid(ChapterProgress::ChapterId))
        .col(integer(ChapterProgress::Percent))
        .col(boolean(ChapterProgress::Bookmarked))
        .col(timestamp_with_time_zone(ChapterProgress::UpdatedAt))
        .primary_key(Index::create().col(ChapterProgress::OwnerId).col(ChapterProgress::ChapterId))
        .foreign_key(
            ForeignKey::create()
                .name("chapter_progress_chapter")
                .from(ChapterProgress::Table, ChapterProgress::ChapterId)
                .to(Chapter::Table, Chapter::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("chapter_course_ordinal")
            .table(Chapter::Table)
            .col(Chapter::CourseId)
            .col(Chapter::Ordinal)
            .to_owned(),
        Index::create()
            .unique()
            .name("chapter_variant_once")
            .table(ChapterVariant::Table)
            .col(ChapterVariant::ChapterId)
            .col(ChapterVariant::Level)
            .col(ChapterVariant::Hardware)
            .to_owned(),
    ]
}
