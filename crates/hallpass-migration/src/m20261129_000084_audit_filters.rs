//! Indexes for the filters of audit events that had none. Those of columns with few values also contain the other such
//! columns: of events that match one filter and not another, the table is not read. Few events have a client or an
//! impersonator: the others are not indexed.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The name, the columns, and the condition of a partial index.
const INDEXES: [(&str, &str, &str); 6] = [
    ("audit_event_request", "request_id", ""),
    ("audit_event_client", "client_id, at, id", "WHERE client_id IS NOT NULL"),
    ("audit_event_impersonator_at", "impersonated_by, at, id", "WHERE impersonated_by IS NOT NULL"),
    ("audit_event_rule", "rule, at, id, outcome, field", ""),
    ("audit_event_field_at", "field, at, id, outcome, rule", ""),
    ("audit_event_outcome_at", "outcome, at, id, field, rule", ""),
];

/// Indexes that the new ones replace.
const REPLACED: [(&str, &str, &str); 3] = [
    ("audit_event_impersonator", "impersonated_by", ""),
    ("audit_event_field", "field, at, id", ""),
    ("audit_event_outcome", "outcome, at, id", ""),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &REPLACED, &INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, &INDEXES, &REPLACED).await
    }
}

/// On PostgreSQL reads wait from the first `DROP INDEX` on: it comes after the indexes that take time. One that an
/// operator created beforehand is used.
async fn replace(
    manager: &SchemaManager<'_>,
    old: &[(&str, &str, &str)],
    new: &[(&str, &str, &str)],
) -> Result<(), DbErr> {
    for (name, columns, rows) in new {
        let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON audit_event ({columns}) {rows}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    for (name, ..) in old {
        manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
    }
    Ok(())
}
