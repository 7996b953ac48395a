//! Known users and their search, and recently used sessions.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string, string_null, timestamp_with_time_zone, uuid};

use crate::known_user_search;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum KnownUser {
    Table,
    Id,
    UserId,
    Email,
    Name,
    Tier,
    FirstSeen,
    LastSeen,
}

#[derive(DeriveIden)]
enum SeenSession {
    Table,
    Id,
    UserId,
    LastSeen,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(users()).await?;
        manager.create_table(sessions()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        known_user_search::add(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        known_user_search::remove(manager).await?;
        manager.drop_table(Table::drop().table(SeenSession::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(KnownUser::Table).to_owned()).await
    }
}

fn users() -> TableCreateStatement {
    Table::create()
        .table(KnownUser::Table)
        .col(uuid(KnownUser::Id).primary_key())
        .col(string(KnownUser::UserId).unique_key())
        .col(string_null(KnownUser::Email))
        .col(string_null(KnownUser::Name))
        .col(string(KnownUser::Tier))
        .col(timestamp_with_time_zone(KnownUser::FirstSeen))
        .col(timestamp_with_time_zone(KnownUser::LastSeen))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table(SeenSession::Table)
        .col(string(SeenSession::Id).primary_key())
        .col(string(SeenSession::UserId))
        .col(timestamp_with_time_zone(SeenSession::LastSeen))
        .to_owned()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        Index::create()
            .name("known_user_first_seen")
            .table(KnownUser::Table)
            .col(KnownUser::FirstSeen)
            .col(KnownUser::Id)
            .to_owned(),
        Index::create()
            .name("known_user_last_seen")
            .table(KnownUser::Table)
            .col(KnownUser::LastSeen)
            .to_owned(),
        Index::create()
            .name("seen_session_user")
            .table(SeenSession::Table)
            .col(SeenSession::UserId)
            .to_owned(),
        Index::create()
            .name("seen_session_last_seen")
            .table(SeenSession::Table)
            .col(SeenSession::LastSeen)
            .to_owned(),
    ]
}
