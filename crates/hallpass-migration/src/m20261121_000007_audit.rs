//! Audit events: denials, reads by administrators, changes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, string, string_null, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum AuditEvent {
    Table,
    Id,
    At,
    DecisionId,
    RequestId,
    CallerId,
    ImpersonatedBy,
    Method,
    Field,
    Rule,
    Outcome,
    RowId,
    Times,
}

use AuditEvent::{At, CallerId, DecisionId, Field, Id, ImpersonatedBy, Outcome, RowId};

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = Table::create()
            .table(AuditEvent::Table)
            .col(uuid(Id).primary_key())
            .col(timestamp_with_time_zone(At))
            .col(uuid(DecisionId))
            .col(string(AuditEvent::RequestId))
            .col(string_null(CallerId))
            .col(string_null(ImpersonatedBy))
            .col(string_null(AuditEvent::Method))
            .col(string(Field))
            .col(string(AuditEvent::Rule))
            .col(string(Outcome))
            .col(string_null(RowId))
            .col(integer(AuditEvent::Times))
            .to_owned();
        manager.create_table(events).await?;
        // Lists are newest first: all events, or those of one caller, of one field, or with one
        // outcome.
        manager.create_index(index("audit_event_at", [At, Id])).await?;
        manager.create_index(index("audit_event_caller", [CallerId, At, Id])).await?;
        manager.create_index(index("audit_event_field", [Field, At, Id])).await?;
        manager.create_index(index("audit_event_outcome", [Outcome, At, Id])).await?;
        // Selective: few events match.
        manager.create_index(index("audit_event_decision", [DecisionId])).await?;
        manager.create_index(index("audit_event_impersonator", [ImpersonatedBy])).await?;
        manager.create_index(index("audit_event_row", [RowId])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AuditEvent::Table).to_owned()).await
    }
}

fn index<const N: usize>(name: &str, columns: [AuditEvent; N]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(AuditEvent::Table);
    columns.into_iter().for_each(|column| {
        index.col(column);
    });
    index
}
