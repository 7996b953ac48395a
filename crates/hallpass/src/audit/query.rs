//! The query `auditEvents`, which is audited itself.

use async_graphql::Context;
use hallpass_data::Order;
use hallpass_data::audit::{Column, Entity};

use super::types::{AuditEvent, AuditFilter};
use crate::access::{ADMIN, guarded};
use crate::graphql::{Connection, ContextExt as _, NamedOrder, Page, Result, paginate_open};

/// Audit log query.
#[derive(Default)]
pub struct AuditQuery;

#[guarded(Query, domain = "audit")]
impl AuditQuery {
    /// Audit events: denials, privileged reads, mutations and failed credentials, newest first. Events appear within a
    /// second.
    #[graphql(guard = "ADMIN")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        page: Page,
        filter: Option<AuditFilter>,
    ) -> Result<Connection<AuditEvent>> {
        let events = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        let rows = events.filter(filter.unwrap_or_default().check()?);
        let newest = NamedOrder { name: "Newest".to_owned(), order: Order::by(Column::At, true) };
        paginate_open(rows, &newest, &page, AuditEvent).await
    }
}
