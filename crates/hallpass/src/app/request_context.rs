//! Context of each request: the caller's schema, the database scope, and the audit trail.

use std::sync::{Arc, OnceLock};

use async_graphql::registry::Registry;
use hallpass_data::trusted::TenantScope as _;
use hallpass_data::{Database, Exclusive, Scope};
use tokio_util::task::TaskTracker;

use crate::access::{AuditTrail, Policy, RequestAuth, SchemaView, Subject};
use crate::access_report::note_hidden;
use crate::activity::ActivityTracker;
use crate::application::Application;
use crate::audit::Audit;
use crate::code;
use crate::config::{Config, Environment};
use crate::events::Events;
use crate::http;
use crate::schema::Schemas;
use hallpass_identity::{Caller, CallerKind, UserLookup};

/// The database scope of a caller. The only function that creates scopes for requests.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the only entry point from a caller to a scope"
)]
pub(crate) fn scope_for(database: &Database, caller: Option<&Caller>) -> Scope {
    let user = caller.filter(|caller| caller.kind() == CallerKind::User);
    let scope = database.scope(user.map(|caller| caller.id().clone()));
    scope.of_tenant(user.and_then(Caller::tenant).cloned())
}

/// The database scope of a caller under the exclusive lock, for demo data.
#[expect(clippy::disallowed_methods, reason = "the demo is loaded before requests are served")]
pub(crate) fn scope_within(exclusive: &Exclusive, caller: &Caller) -> Scope {
    exclusive.scope(Some(caller.id().clone())).of_tenant(caller.tenant().cloned())
}

/// Returns the function that selects the schema of a caller.
pub(crate) fn schema_for(policy: Policy, schemas: Schemas) -> Box<http::SchemaFor> {
    Box::new(move |caller| schemas.for_view(SchemaView::of(Subject { caller, policy: &policy })))
}

/// The settings that access rules depend on.
#[must_use]
pub fn policy(config: &Config) -> Policy {
    Policy { tiers: config.identity.tiers.clone(), roles: config.identity.role_inherits.clone() }
}

/// Services that resolvers use.
pub(crate) struct Services {
    pub(crate) database: Database,
    pub(crate) users: Arc<UserLookup>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) activity: ActivityTracker,
    pub(crate) events: Events,
}

/// Returns the function that adds the caller, the scope and services to a request.
pub(crate) fn build_request(
    application: Arc<Application>,
    config: &Config,
    services: Services,
) -> Box<http::BuildRequest> {
    let Services { database, users, audit, activity, events } = services;
    let policy = Arc::new(policy(config));
    let (denial, own) = (config.ownership_denial, config.own.clone());
    let discloses_caller = config.environment == Environment::Development;
    Box::new(move |request, request_caller| {
        let client = request_caller.client();
        let http::RequestCaller { caller, confirmation, request_id, address } = request_caller;
        if let Some(caller) = &caller {
            activity.record(caller);
        }
        let scope = scope_for(&database, caller.as_deref()).counted_for(client);
        let trail = AuditTrail::new(audit.sink(address), request_id, caller.clone());
        let policy = Arc::clone(&policy);
        let auth = RequestAuth { caller, policy, confirmation, trail, discloses_caller };
        let request = request.data(denial).data(Arc::clone(&users)).data(events.clone());
        let request = request.data(own.clone());
        application.scoped(request.data(Arc::clone(&audit)), auth, scope)
    })
}

/// Returns the function that selects the scope of the caller of a route of the application.
pub(crate) fn route_scope(database: Database, activity: ActivityTracker) -> Box<http::RouteScope> {
    Box::new(move |request_caller| {
        let caller = request_caller.caller.as_deref();
        if let Some(caller) = caller {
            activity.record(caller);
        }
        scope_for(&database, caller).counted_for(request_caller.client())
    })
}

/// Returns the function that writes hidden fields of a document to the audit log, in a background task. The full
/// schema is built on the first use.
pub(crate) fn hidden_field_auditor(
    application: Arc<Application>,
    policy: Policy,
    audit: Arc<Audit>,
    background_tasks: TaskTracker,
) -> Box<http::AuditHiddenFields> {
    let (policy, types) = (Arc::new(policy), Arc::<OnceLock<Registry>>::default());
    Box::new(move |document, caller, request_id, address| {
        let (policy, sink) = (Arc::clone(&policy), audit.sink(address));
        let (application, types) = (Arc::clone(&application), Arc::clone(&types));
        background_tasks.spawn(async move {
            let trail = AuditTrail::new(sink, request_id, caller.clone());
            let subject = Subject { caller: caller.as_deref(), policy: &policy };
            let types = types.get_or_init(|| application.schema().types(SchemaView::FULL));
            note_hidden(&trail, &document, types, subject, code::GRAPHQL_VALIDATION_FAILED);
        });
    })
}
