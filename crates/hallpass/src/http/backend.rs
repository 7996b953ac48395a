//! What the handlers need of the layers above them.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::Data;
use async_graphql::parser::types::ExecutableDocument;
use futures_util::future::BoxFuture;
use hallpass_data::{QueueTime, Scope};

use super::{PersonaCard, RequestCaller};
use crate::access_report::FieldReport;
use crate::doctor::Report;
use crate::schema::SchemaForView;
use hallpass_identity::{Caller, CredentialLocation};

/// The application behind the handlers. Implemented by `app`.
pub trait Backend: Send + Sync {
    /// The schema that a caller sees.
    fn schema_for(&self, caller: Option<&Caller>) -> Arc<SchemaForView>;

    /// Adds the caller, the scope and the services that resolvers need to a request.
    fn add_data(&self, data: &mut Data, caller: RequestCaller);

    /// The scope of the caller of a route of the application.
    fn route_scope(&self, caller: &RequestCaller) -> Scope;

    /// How long the next statement of a caller waits for the database, by estimate.
    fn queue_time(&self, caller: &RequestCaller) -> QueueTime;

    /// Writes to the audit log which fields of a document are hidden from its caller, for the request with this id
    /// and address. Runs after the response, so that the response to a hidden field does not take longer than that
    /// to a nonexistent one.
    fn audit_hidden_fields(
        &self,
        document: Arc<ExecutableDocument>,
        caller: Option<Arc<Caller>>,
        request_id: Arc<str>,
        address: IpAddr,
    );

    /// Readiness check; fails with the name of what is not ready.
    fn readiness(&self) -> BoxFuture<'_, Result<(), String>>;

    /// The personas, with fresh tokens. None in production.
    fn personas(&self) -> Option<Vec<PersonaCard>>;

    /// The access decisions for each field of a document, for a caller. None in production.
    fn explain(
        &self,
        document: &ExecutableDocument,
        caller: Option<&Caller>,
    ) -> Option<Vec<FieldReport>>;

    /// The doctor's report on the setup and on a pasted credential. None in production.
    fn examine(
        &self,
        pasted: Option<(CredentialLocation, String)>,
    ) -> Option<BoxFuture<'_, Report>>;
}
