//! One operation, whatever it came by: checked in one place, run in one place.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use hallpass_entity::Client;

use super::answer::{Content, Rejection, RequestId, nothing_ran};
use super::document::operation;
use super::live::{Permit, Resource};
use super::params::Params;
use super::{Shared, Who, variables};
use crate::graphql::code;
use crate::identity::Caller;
use crate::schema::Schema;

/// An operation that is within the limits, with the caller it runs for.
pub(super) struct Operation {
    /// None where the document has no operation of that name, which validation says.
    kind: Option<OperationType>,
    request: async_graphql::Request,
    schema: Schema,
    record: Record,
    client: Client,
    timeout: Duration,
    /// Of a subscription, for as long as it runs.
    permit: Option<Permit>,
}

/// What is noted where validation refused the document: it may have asked for what is hidden.
struct Record {
    shared: Arc<Shared>,
    document: Arc<ExecutableDocument>,
    caller: Option<Arc<Caller>>,
    request_id: String,
    address: IpAddr,
}

impl Record {
    fn of(&self, response: &Response) {
        if nothing_ran(response) {
            self.refused();
        }
    }

    fn refused(&self) {
        let (document, request_id) = (Arc::clone(&self.document), self.request_id.clone());
        (self.shared.parts.note_hidden)(document, self.caller.clone(), request_id, self.address);
    }
}

/// Holds `params` against the limits and the types that `who` sees, and makes them ready to run.
pub(super) fn prepare(
    shared: &Arc<Shared>,
    params: Params,
    who: Who,
) -> Result<Operation, Rejection> {
    let parts = &shared.parts;
    let seen = (parts.see)(who.caller.as_deref());
    let document = shared.documents.prepare(&params.query, &params.variables)?;
    let record = Record {
        shared: Arc::clone(shared),
        document: Arc::clone(&document),
        caller: who.caller.clone(),
        request_id: who.request_id.clone(),
        address: who.address,
    };
    let mut kind = None;
    if let Some(operation) = operation(&document, params.operation_name.as_deref()) {
        kind = Some(operation.ty);
        if operation.ty == OperationType::Subscription && !has_one_source(operation) {
            let message = "A subscription asks for one field, without fragments or directives.";
            return Err(Rejection::query(message.to_owned()));
        }
        if let Some(problem) = variables::problem(operation, &params.variables, &seen.types) {
            record.refused();
            return Err(Rejection::input(&problem.path, problem.message));
        }
    }
    let permit = match kind {
        Some(OperationType::Subscription) => {
            shared.quotas.take(who.caller.as_deref(), Resource::Subscription)?
        }
        _ => None,
    };
    let mut request = async_graphql::Request::new(params.query).variables(params.variables);
    request.operation_name = params.operation_name;
    request.set_parsed_query((*document).clone());
    let client = who.client();
    let request = (parts.prepare)(request, who);
    Ok(Operation {
        kind,
        request,
        record,
        client,
        schema: seen.schema.clone(),
        timeout: parts.limits.timeout,
        permit,
    })
}

/// Section 5.2.4.1 of the GraphQL specification. The library runs several, and overlooks fragments.
fn has_one_source(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [only] => {
            matches!(&only.node, Selection::Field(field) if field.node.directives.is_empty())
        }
        _ => false,
    }
}

impl Operation {
    pub(super) fn is_mutation(&self) -> bool {
        self.kind == Some(OperationType::Mutation)
    }

    pub(super) fn is_subscription(&self) -> bool {
        self.kind == Some(OperationType::Subscription)
    }

    /// Runs a query or a mutation within its time.
    pub(super) async fn run(self) -> Result<Response, Rejection> {
        let shared = Arc::clone(&self.record.shared);
        let _turn = shared.concurrency.begin(&self.client).await?;
        let execution = AssertUnwindSafe(self.schema.execute(self.request)).catch_unwind();
        match tokio::time::timeout(self.timeout, execution).await {
            Ok(Ok(response)) => {
                self.record.of(&response);
                Ok(response)
            }
            Ok(Err(_)) => Err(panicked()),
            Err(_) => Err(Rejection::unavailable(
                code::TIMEOUT,
                "This took too long: ask for less, or try again soon.",
                Duration::from_secs(1),
            )),
        }
    }

    fn responses(self) -> BoxStream<'static, Result<Response, Rejection>> {
        if !self.is_subscription() {
            return stream::once(self.run()).boxed();
        }
        let responses = AssertUnwindSafe(self.schema.execute_stream(self.request)).catch_unwind();
        let (record, permit) = (self.record, self.permit);
        let told = move |response: &_| {
            // Held for as long as the stream is.
            let _ = &permit;
            record.of(response);
        };
        responses.map(move |response| response.inspect(&told).map_err(|_| panicked())).boxed()
    }
}

/// Runs `operation`, whatever it is: one answer, or those of a subscription, each as it comes.
pub(super) fn answers(
    operation: Result<Operation, Rejection>,
    id: RequestId,
) -> BoxStream<'static, Content> {
    let responses = match operation {
        Ok(operation) => operation.responses(),
        Err(rejection) => stream::once(std::future::ready(Err(rejection))).boxed(),
    };
    let content = move |response| match response {
        Ok(response) => Content::of(response, &id),
        Err(rejection) => Rejection::content(rejection, &id),
    };
    responses.map(content).boxed()
}

/// A fault of ours, and the server lives on.
fn panicked() -> Rejection {
    tracing::error!("a resolver panicked");
    Rejection::internal()
}
