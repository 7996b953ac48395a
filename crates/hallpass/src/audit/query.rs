//! The query `auditEvents`, which is audited itself.

use async_graphql::{Context, Object};
use hallpass_data::Order;
use hallpass_data::audit::{Column, Entity};

use super::types::{AuditEvent, AuditFilter};
use crate::access::{ADMIN, guarded, semantic_non_null};
use crate::graphql::{Connection, ContextExt as _, NamedOrder, PageArgs, Result, paginate};

/// Audit log query.
#[derive(Default)]
pub struct AuditQuery;

#[guarded(Query, domain = "audit")]
#[Object]
impl AuditQuery {
    /// Audit events: denials, privileged reads, mutations and failed credentials, newest first. Events appear within a
    /// second.
    #[graphql(guard = "ADMIN", directive = semantic_non_null::apply())]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AuditFilter>,
    ) -> Result<Option<Connection<AuditEvent>>> {
        let events = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        let rows = events.filter(filter.unwrap_or_default().check()?);
        let newest = NamedOrder { name: "Newest".to_owned(), order: Order::by(Column::At, true) };
        let args = PageArgs::new(first, after, last, before);
        paginate(rows, &newest, &args, AuditEvent).await.map(Some)
    }
}
