//! Learner profiles: what learners state about themselves.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    small_integer_null, string, string_null, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum LearnerProfile {
    Table,
    OwnerId,
    SoftwareBackground,
    HardwareBackground,
    InterestArea,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let profiles = Table::create()
            .table(LearnerProfile::Table)
            .col(string(LearnerProfile::OwnerId).primary_key())
            .col(small_integer_null(LearnerProfile::SoftwareBackground))
            .col(small_integer_null(LearnerProfile::HardwareBackground))
            .col(string_null(LearnerProfile::InterestArea))
            .col(timestamp_with_time_zone(LearnerProfile::UpdatedAt))
            .to_owned();
        manager.create_table(profiles).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(LearnerProfile::Table).to_owned()).await
    }
}
