//! The query `auditEvents`, which is audited itself.

use async_graphql::{Context, Object};
use hallpass_entity::Order;
use hallpass_entity::audit::{Column, Entity};

use super::types::{AuditEvent, AuditFilter};
use crate::access::{ADMIN, guarded, semantic_non_null};
use crate::graphql::{Connection, ContextExt as _, NamedOrder, PageArgs, Result, paginate};

/// The queries about the audit.
#[derive(Default)]
pub struct AuditQuery;

#[guarded(Query, domain = "audit")]
#[Object]
impl AuditQuery {
    /// What was refused, what administrators read, what was changed, and which credentials failed: newest
    /// first. What happens is here within a second.
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
        let everyones = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        let rows = everyones.filter(filter.unwrap_or_default().check()?);
        let newest = NamedOrder { name: "Newest".to_owned(), order: Order::by(Column::At, true) };
        let args = PageArgs::new(first, after, last, before);
        paginate(rows, &newest, &args, AuditEvent).await.map(Some)
    }
}
