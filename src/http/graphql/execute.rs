//! Executes one operation, for every transport: checked in one place, run in one place.

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

use super::request::GraphQlParams;
use super::response::{Rejection, RequestId, ResponseBody, is_request_error};
use crate::graphql::{AnswerBudget, RequestKey, code};
use crate::http::limits::document_cache::{Document, operation};
use crate::http::limits::validation::{Invalid, inputs_of};
use crate::http::limits::variables;
use crate::http::streaming::{Permit, Resource};
use crate::http::{HttpState, RequestCaller};
use crate::identity::Caller;
use crate::schema::{Schema, Seen};

/// An operation that is within the limits, with the caller it runs for.
pub(crate) struct Operation {
    /// None where the document has no operation of that name, which validation says.
    kind: Option<OperationType>,
    request: async_graphql::Request,
    schema: Schema,
    record: AuditContext,
    client: Client,
    budget: AnswerBudget,
    timeout: Duration,
    /// Of a subscription, for as long as it runs.
    permit: Option<Permit>,
}

/// What is noted where validation refused the document: it may have asked for what is hidden.
struct AuditContext {
    shared: Arc<HttpState>,
    document: Arc<ExecutableDocument>,
    caller: Option<Arc<Caller>>,
    request_id: String,
    address: IpAddr,
}

impl AuditContext {
    fn of(&self, response: &Response) {
        if is_request_error(response) {
            self.refused();
        }
    }

    fn refused(&self) {
        let (document, request_id) = (Arc::clone(&self.document), self.request_id.clone());
        (self.shared.parts.note_hidden)(document, self.caller.clone(), request_id, self.address);
    }
}

/// Holds `params` against the limits and the types that `who` sees, and makes them ready to run.
pub(crate) fn prepare(
    shared: &Arc<HttpState>,
    params: GraphQlParams,
    who: RequestCaller,
) -> Result<Operation, Rejection> {
    let parts = &shared.parts;
    let seen = (parts.see)(who.caller.as_deref());
    let (document, cost) = shared.documents.prepare(&params.query, &params.variables)?;
    let record = AuditContext {
        shared: Arc::clone(shared),
        document: Arc::clone(&document.parsed),
        caller: who.caller.clone(),
        request_id: who.request_id.clone(),
        address: who.address,
    };
    let mut kind = None;
    if let Some(operation) = operation(&document.parsed, params.operation_name.as_deref()) {
        kind = Some(operation.ty);
        if operation.ty == OperationType::Subscription && !subscription_has_single_root(operation) {
            let message = "A subscription asks for one field, without fragments or directives.";
            return Err(Rejection::query(message.to_owned()));
        }
    }
    if let Err(rejection) = check(&document, &params, &seen) {
        record.refused();
        return Err(rejection);
    }
    shared.documents.check_cost(&cost)?;
    let permit = match kind {
        Some(OperationType::Subscription) => {
            shared.quotas.acquire(who.caller.as_deref(), Resource::Subscription)?
        }
        _ => None,
    };
    let parsed = (*document.parsed).clone();
    let mut request = async_graphql::Request::new(params.query).variables(params.variables);
    request.operation_name = params.operation_name;
    request.set_parsed_query(parsed);
    let client = who.client();
    let budget = AnswerBudget::new(parts.limits.answer);
    let request = (parts.prepare)(request, who).data(budget.clone());
    let request = request.data(RequestKey::new(params.idempotency_key));
    Ok(Operation {
        kind,
        request,
        record,
        client,
        budget,
        schema: seen.schema.clone(),
        timeout: parts.limits.timeout,
        permit,
    })
}

/// Holds the document and its variables against the schema, and names everything that is wrong with values.
fn check(document: &Document, params: &GraphQlParams, seen: &Seen) -> Result<(), Rejection> {
    let mut problems = match document.validate(&params.query, seen) {
        Ok(()) => Vec::new(),
        Err(Invalid::Inputs(problems)) => problems,
        Err(Invalid::Document(errors)) => return Err(Rejection::invalid(errors)),
    };
    if let Some(operation) = operation(&document.parsed, params.operation_name.as_deref()) {
        let wrong = variables::problems(operation, &params.variables, &seen.types);
        if !wrong.is_empty() {
            let usages = inputs_of(&document.parsed, operation, &seen.types).usages;
            let placed = |problem| variables::placed(problem, &usages);
            problems.extend(wrong.into_iter().map(placed));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Rejection::inputs(&problems)) }
}

/// Section 5.2.4.1 of the GraphQL specification. The library runs several, and overlooks fragments.
fn subscription_has_single_root(operation: &OperationDefinition) -> bool {
    match operation.selection_set.node.items.as_slice() {
        [only] => {
            matches!(&only.node, Selection::Field(field) if field.node.directives.is_empty())
        }
        _ => false,
    }
}

impl Operation {
    pub(crate) fn is_mutation(&self) -> bool {
        self.kind == Some(OperationType::Mutation)
    }

    pub(crate) fn is_subscription(&self) -> bool {
        self.kind == Some(OperationType::Subscription)
    }

    /// Runs a query or a mutation within its time.
    pub(crate) async fn run(self, id: &RequestId) -> Result<ResponseBody, Rejection> {
        let shared = Arc::clone(&self.record.shared);
        let _turn = shared.concurrency.begin(&self.client).await?;
        let execution = AssertUnwindSafe(self.schema.execute(self.request)).catch_unwind();
        match tokio::time::timeout(self.timeout, execution).await {
            Ok(Ok(response)) => {
                self.record.of(&response);
                ResponseBody::of(response, id).within(&self.budget)
            }
            Ok(Err(_)) => Err(panic_response()),
            Err(_) => Err(Rejection::unavailable(
                code::TIMEOUT,
                "This took too long: ask for less, or try again soon.",
                Duration::from_secs(1),
            )),
        }
    }

    fn contents(self, id: RequestId) -> BoxStream<'static, Result<ResponseBody, Rejection>> {
        if !self.is_subscription() {
            return stream::once(async move { self.run(&id).await }).boxed();
        }
        let responses = AssertUnwindSafe(self.schema.execute_stream(self.request)).catch_unwind();
        let (record, budget, permit) = (self.record, self.budget, self.permit);
        let content = move |response: Response| {
            // Held for as long as the stream is.
            let _ = &permit;
            record.of(&response);
            ResponseBody::of(response, &id).within(&budget)
        };
        responses
            .map(move |response| response.map_err(|_| panic_response()).and_then(&content))
            .boxed()
    }
}

/// Runs `operation`, whatever it is: one answer, or those of a subscription, each as it comes.
pub(crate) fn responses(
    operation: Result<Operation, Rejection>,
    id: RequestId,
) -> BoxStream<'static, ResponseBody> {
    let contents = match operation {
        Ok(operation) => operation.contents(id.clone()),
        Err(rejection) => stream::once(std::future::ready(Err(rejection))).boxed(),
    };
    contents.map(move |content| content.unwrap_or_else(|rejection| rejection.content(&id))).boxed()
}

/// A fault of ours, and the server lives on.
fn panic_response() -> Rejection {
    tracing::error!("a resolver panicked");
    Rejection::internal()
}
