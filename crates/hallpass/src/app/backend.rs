//! The application behind the HTTP handlers: the schema, the scope and the context of each caller.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use async_graphql::Data;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::registry::Registry;
use futures_util::future::BoxFuture;
use hallpass_data::trusted::TenantScope as _;
use hallpass_data::{Client, Database, DatabaseTime, Exclusive, QueueTime, Scope};
use secrecy::ExposeSecret as _;
use tokio_util::task::TaskTracker;

use super::readiness::Readiness;
use crate::access::{AuditTrail, Policy, RequestAuth, SchemaView, Subject};
use crate::access_report::{FieldReport, explain, note_hidden};
use crate::activity::ActivityTracker;
use crate::application::Application;
use crate::code;
use crate::config::{Config, VisibleSchema};
use crate::core_schema::CoreServices;
use crate::doctor::{Doctor, Report};
use crate::graphql::Services;
use crate::http::{Backend, PersonaCard, RequestCaller};
use crate::schema::{SchemaForView, Schemas};
use hallpass_identity::{Caller, CallerKind, CredentialLocation, DevTokenIssuer, Persona};

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

/// The settings that access rules depend on.
#[must_use]
pub fn policy(config: &Config) -> Policy {
    Policy { tiers: config.identity.tiers.clone(), roles: config.identity.role_inherits.clone() }
}

/// What the requests of one server share.
pub(super) struct Shared {
    pub(super) services: Arc<Services>,
    pub(super) core: Arc<CoreServices>,
    pub(super) activity: ActivityTracker,
}

/// The application behind the HTTP handlers.
pub(super) struct AppBackend {
    application: Arc<Application>,
    policy: Arc<Policy>,
    schemas: Schemas,
    database: Database,
    shared: Shared,
    visible: VisibleSchema,
    readiness: Readiness,
    /// The full schema, built when a hidden field is audited, or a document explained, first.
    all_types: Arc<OnceLock<Registry>>,
    background_tasks: TaskTracker,
    development: Option<Development>,
}

/// What only development mode has.
pub(super) struct Development {
    pub(super) issuer: DevTokenIssuer,
    pub(super) personas: &'static [Persona],
    pub(super) doctor: Doctor,
}

impl AppBackend {
    pub(super) fn new(
        application: &Arc<Application>,
        config: &Config,
        database: &Database,
        shared: Shared,
        background_tasks: TaskTracker,
        development: Option<Development>,
    ) -> Self {
        let (readiness, migrator) = (database.for_readiness(), application.migrator());
        Self {
            application: Arc::clone(application),
            policy: Arc::new(policy(config)),
            schemas: Schemas::new(application.schema().clone(), config.introspection),
            database: database.clone(),
            shared,
            visible: config.schema_view,
            readiness: Readiness { database: readiness, migrator },
            all_types: Arc::default(),
            background_tasks,
            development,
        }
    }

    /// The scope of a caller, who is recorded as active.
    fn scope_of(&self, caller: Option<&Caller>, client: Client, time: DatabaseTime) -> Scope {
        if let Some(caller) = caller {
            self.shared.activity.record(caller);
        }
        scope_for(&self.database, caller).counted_for(client, time)
    }
}

impl Backend for AppBackend {
    fn schema_for(&self, caller: Option<&Caller>) -> Arc<SchemaForView> {
        let view = match self.visible {
            VisibleSchema::Caller => SchemaView::of(Subject { caller, policy: &self.policy }),
            VisibleSchema::Full => SchemaView::FULL,
        };
        self.schemas.for_view(view)
    }

    fn add_data(&self, data: &mut Data, request_caller: RequestCaller) {
        let (client, time) = (request_caller.client(), request_caller.record.database_time());
        let RequestCaller { caller, confirmation, request_id, address, .. } = request_caller;
        let scope = self.scope_of(caller.as_deref(), client, time);
        let trail =
            AuditTrail::new(self.shared.core.audit.sink(address), request_id, caller.clone());
        let (policy, discloses_caller) = (Arc::clone(&self.policy), self.development.is_some());
        let auth = RequestAuth { caller, policy, confirmation, trail, discloses_caller };
        data.insert(Arc::clone(&self.shared.services));
        data.insert(Arc::clone(&self.shared.core));
        self.application.add_data(data, auth, scope);
    }

    fn route_scope(&self, request_caller: &RequestCaller) -> Scope {
        let time = request_caller.record.database_time();
        self.scope_of(request_caller.caller.as_deref(), request_caller.client(), time)
    }

    fn queue_time(&self, caller: &RequestCaller) -> QueueTime {
        self.database.queue_time(|| caller.client())
    }

    fn audit_hidden_fields(
        &self,
        document: Arc<ExecutableDocument>,
        caller: Option<Arc<Caller>>,
        request_id: Arc<str>,
        address: IpAddr,
    ) {
        let (policy, sink) = (Arc::clone(&self.policy), self.shared.core.audit.sink(address));
        let (application, types) = (Arc::clone(&self.application), Arc::clone(&self.all_types));
        self.background_tasks.spawn(async move {
            let trail = AuditTrail::new(sink, request_id, caller.clone());
            let subject = Subject { caller: caller.as_deref(), policy: &policy };
            let types = types.get_or_init(|| application.schema().types(SchemaView::FULL));
            note_hidden(&trail, &document, types, subject, code::GRAPHQL_VALIDATION_FAILED);
        });
    }

    fn readiness(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.readiness.check())
    }

    fn personas(&self) -> Option<Vec<PersonaCard>> {
        let Development { issuer, personas, .. } = self.development.as_ref()?;
        let card = |persona: &Persona| {
            let token = issuer.token(persona).ok()?;
            Some(PersonaCard {
                name: persona.name,
                title: persona.title,
                about: persona.about,
                token: token.map(|token| token.expose_secret().to_owned()),
                example: self.application.example_of(persona.name),
            })
        };
        Some(personas.iter().filter_map(card).collect())
    }

    fn explain(
        &self,
        document: &ExecutableDocument,
        caller: Option<&Caller>,
    ) -> Option<Vec<FieldReport>> {
        self.development.as_ref()?;
        let full = || self.application.schema().types(SchemaView::FULL);
        let types = self.all_types.get_or_init(full);
        let subject = Subject { caller, policy: &self.policy };
        Some(explain(document, types, subject, self.shared.services.denial))
    }

    fn examine(
        &self,
        pasted: Option<(CredentialLocation, String)>,
    ) -> Option<BoxFuture<'_, Report>> {
        let doctor = &self.development.as_ref()?.doctor;
        Some(Box::pin(async move {
            let pasted = pasted.as_ref().map(|(location, text)| (*location, text.as_str()));
            doctor.examine(pasted).await
        }))
    }
}
