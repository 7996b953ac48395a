//! What each request is given: the schema that its caller sees, their scope, and a place on the record.

use std::sync::{Arc, LazyLock};

use async_graphql::registry::Registry;
use hallpass_entity::{Database, Exclusive, Scope};
use tokio_util::task::TaskTracker;

use crate::access::{AuditTrail, Policy, RequestAuth, SchemaView, Subject};
use crate::access_report::note_hidden;
use crate::activity::ActivityTracker;
use crate::audit::Audit;
use crate::config::{Config, Environment};
use crate::domains::courses::HtmlCache;
use crate::events::Events;
use crate::graphql::code;
use crate::http;
use crate::identity::{Caller, CallerKind, UserLookup};
use crate::schema::{self, Schemas};

/// The one place where a caller gets a scope.
#[expect(clippy::disallowed_methods, reason = "this is the door from a caller to their scope")]
pub(crate) fn scope_for(database: &Database, caller: Option<&Caller>) -> Scope {
    let person = caller.filter(|caller| caller.kind() == CallerKind::User);
    database.scope(person.map(|caller| caller.id().clone()))
}

/// The same, within what one server does alone.
#[expect(clippy::disallowed_methods, reason = "the demo is written before anyone asks")]
pub(crate) fn scope_within(alone: &Exclusive, caller: &Caller) -> Scope {
    alone.scope(Some(caller.id().clone()))
}

/// The schema as a caller sees it.
pub(crate) fn schema_for(policy: Policy, schemas: Schemas) -> Box<http::SchemaFor> {
    Box::new(move |caller| schemas.seen(SchemaView::of(Subject { caller, policy: &policy })))
}

/// What the rules mean here.
#[must_use]
pub fn policy(config: &Config) -> Policy {
    Policy { tiers: config.identity.tiers.clone(), roles: config.role_inherits.clone() }
}

/// What requests are prepared with.
pub(crate) struct Services {
    pub(crate) database: Database,
    pub(crate) users: Arc<UserLookup>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) attendance: ActivityTracker,
    pub(crate) events: Events,
}

/// Gives a request what its resolvers need to know of the caller.
pub(crate) fn build_request(config: &Config, rooms: Services) -> Box<http::BuildRequest> {
    let Services { database, users, audit, attendance, events } = rooms;
    let policy = Arc::new(policy(config));
    let denial = config.ownership_denial;
    let is_open = config.environment == Environment::Development;
    let html = Arc::<HtmlCache>::default();
    Box::new(move |request, who| {
        let client = who.client();
        let http::RequestCaller { caller, confirmation, request_id, address } = who;
        if let Some(caller) = &caller {
            attendance.record(caller);
        }
        let scope = scope_for(&database, caller.as_deref()).counted_for(client);
        let trail = AuditTrail::new(audit.ledger(address), request_id, caller.clone());
        let policy = Arc::clone(&policy);
        let asking = RequestAuth { caller, policy, confirmation, trail, is_open };
        let request = request.data(denial).data(Arc::clone(&users)).data(events.clone());
        let request = request.data(Arc::clone(&audit)).data(Arc::clone(&html));
        schema::scoped(request, asking, scope)
    })
}

/// Puts on the record, after the answer, what a document asked for that its caller does not see. The whole
/// schema is built when a client first asks for what is not there.
pub(crate) fn hidden_field_auditor(
    policy: Policy,
    audit: Arc<Audit>,
    aftermath: TaskTracker,
) -> Box<http::AuditHiddenFields> {
    static SCHEMA_TYPES: LazyLock<Registry> = LazyLock::new(schema::types);
    let policy = Arc::new(policy);
    Box::new(move |document, caller, request_id, address| {
        let (policy, ledger) = (Arc::clone(&policy), audit.ledger(address));
        aftermath.spawn(async move {
            let trail = AuditTrail::new(ledger, request_id, caller.clone());
            let asker = Subject { caller: caller.as_deref(), policy: &policy };
            note_hidden(&trail, &document, &SCHEMA_TYPES, asker, code::GRAPHQL_VALIDATION_FAILED);
        });
    })
}
