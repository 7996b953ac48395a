//! Validation and execution of one operation, shared by all transports.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Request, Response, Variables};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use hallpass_data::Client;

use super::collect_fields::{executed, kind_of};
use super::rejection::Rejection;
use super::request::GraphQlParams;
use super::response::{RequestId, ResponseBody, is_request_error};
use super::running_subscription::RunningSubscription;
use crate::code;
use crate::graphql::{AnswerBudget, RequestKey};
use crate::http::limits::document_cache::{Document, operation, operation_name};
use crate::http::limits::input_values::Checks;
use crate::http::limits::persisted_queries::DocumentHash;
use crate::http::limits::rate_limit::Budget;
use crate::http::limits::unexecuted::without_unexecuted_unknowns;
use crate::http::limits::validation::{Invalid, inputs_of};
use crate::http::limits::variables;
use crate::http::ops::request_record::RequestRecord;
use crate::http::streaming::{Permit, Resource};
use crate::http::{HttpState, RequestCaller};
use crate::schema::{Executable, SchemaForView};
use crate::telemetry::TARGET;
use hallpass_identity::Caller;

/// An operation that passed limits and validation, ready to run.
pub(crate) struct Operation {
    /// `None` if the document has no operation of that name; validation reports that.
    kind: Option<OperationType>,
    /// The request, without the document.
    pub(super) request: Request,
    pub(super) visible: Arc<SchemaForView>,
    pub(super) audit: AuditContext,
    /// The document that is executed.
    pub(super) document: Arc<ExecutableDocument>,
    /// Whether it is nested deeply.
    is_deep: bool,
    client: Client,
    /// The cost, in points.
    pub(super) cost: u64,
    /// Whether the response shows what is left of the caller's budget.
    shows_budget: bool,
    payment: Payment,
    /// The document to store once the cost is spent, of a client that persists it.
    persists: Option<(DocumentHash, Arc<str>)>,
    /// How long caches may reuse the response, if they may.
    max_age: Option<Duration>,
    pub(super) budget: AnswerBudget,
    record: RequestRecord,
    timeout: Duration,
    /// The permit of a subscription, held while it runs.
    pub(super) permit: Option<Permit>,
}

/// Whether the cost of an operation is spent.
enum Payment {
    Due,
    /// It is, and this is left of the caller's budget; `None` without a limit.
    Spent(Option<Budget>),
}

/// Context for auditing a document that validation rejected: it may use hidden fields.
pub(super) struct AuditContext {
    pub(super) shared: Arc<HttpState>,
    document: Arc<ExecutableDocument>,
    caller: Option<Arc<Caller>>,
    request_id: Arc<str>,
    address: IpAddr,
}

impl AuditContext {
    fn of(shared: &Arc<HttpState>, document: &Document, request_caller: &RequestCaller) -> Self {
        Self {
            shared: Arc::clone(shared),
            document: Arc::clone(&document.parsed),
            caller: request_caller.caller.clone(),
            request_id: Arc::clone(&request_caller.request_id),
            address: request_caller.address,
        }
    }

    /// Waits until the caller's budget of events has the cost of one, and spends it.
    pub(super) async fn pay_for_event(&self, cost: u64) {
        let limiter = &self.shared.deps.rate_limiter;
        limiter.spend_for_event(self.caller.as_deref(), self.address, cost).await;
    }

    pub(super) fn audit_response(&self, response: &Response) {
        if is_request_error(response) {
            self.audit_rejected();
        }
    }

    fn audit_rejected(&self) {
        let (document, request_id) = (Arc::clone(&self.document), Arc::clone(&self.request_id));
        self.shared.deps.backend.audit_hidden_fields(
            document,
            self.caller.clone(),
            request_id,
            self.address,
        );
    }
}

/// The points that a rejected document costs.
const REJECTED_COST: u64 = 1;

/// As [`prepare`]. A rejected document costs the caller a point: it was parsed, and perhaps validated.
pub(crate) async fn prepare_within_budget(
    shared: &Arc<HttpState>,
    params: GraphQlParams,
    request_caller: RequestCaller,
) -> Result<Operation, Rejection> {
    let (caller, address) = (request_caller.caller.clone(), request_caller.address);
    let shows_budget = params.shows_budget;
    let operation = prepare(shared, params, request_caller);
    if operation.as_ref().is_err_and(Rejection::is_of_document) {
        let spent = shared.deps.rate_limiter.spend(caller.as_deref(), address, REJECTED_COST);
        Box::pin(spent)
            .await
            .map_err(|exceeded| Rejection::exceeded(exceeded, REJECTED_COST, shows_budget))?;
    }
    operation
}

/// Checks `params` against the limits and the schema that the caller sees, and builds the operation.
fn prepare(
    shared: &Arc<HttpState>,
    params: GraphQlParams,
    request_caller: RequestCaller,
) -> Result<Operation, Rejection> {
    let _validation = tracing::trace_span!(target: TARGET, "validate").entered();
    let deps = &shared.deps;
    let caller = request_caller.caller.as_deref();
    shared.admission.check(caller, deps.backend.queue_time(&request_caller))?;
    let visible = deps.backend.schema_for(caller);
    let (document, cost) = match &params.trusted {
        Some(document) => {
            (Arc::clone(document), shared.documents.measure(document, &params.variables)?)
        }
        None => shared.documents.prepare(&params.query, &params.variables)?,
    };
    let record = request_caller.record.clone();
    let name = operation_name(&document.parsed, params.operation_name.as_deref());
    // Clients choose the names of their own documents, and could use up those of metrics.
    let is_named = shared.known.trusted.is_none() || params.trusted.is_some();
    record.parsed(&document, name, is_named, cost.total());
    let audit = AuditContext::of(shared, &document, &request_caller);
    let operation = operation(&document.parsed, params.operation_name.as_deref());
    let kind = operation.map(kind_of).transpose()?;
    if let Err(rejection) = check(shared, &document, &params, &visible) {
        audit.audit_rejected();
        return Err(match deps.options.is_development {
            true => rejection.pointing_at_explain(),
            false => rejection,
        });
    }
    shared.documents.check_cost(&cost)?;
    let executed = match operation {
        Some(operation) => executed(&document, operation, &cost, &params.variables, &visible)?,
        None => None,
    };
    let is_cacheable = request_caller.caller.is_none() && !params.shows_budget;
    let max_age = operation
        .filter(|_| is_cacheable)
        .and_then(|operation| shared.cache_hints.max_age(&document.parsed, operation));
    let client = request_caller.client();
    let permit = match kind {
        Some(OperationType::Subscription) => {
            Some(shared.caller_limits.acquire(client.clone(), Resource::Subscription)?)
        }
        _ => None,
    };
    let persists = params.hash.map(|hash| (hash, Arc::clone(&document.text)));
    // A collected document has one operation, without a name.
    let operation_name = params.operation_name.filter(|_| executed.is_none());
    let mut request = request_of(params.variables, operation_name);
    let budget = AnswerBudget::new(deps.options.limits.answer);
    deps.backend.add_data(&mut request.data, request_caller);
    request.data.insert(budget.clone());
    if let Some(key) = params.idempotency_key {
        request.data.insert(RequestKey::new(key));
    }
    Ok(Operation {
        kind,
        request,
        audit,
        document: executed.unwrap_or_else(|| Arc::clone(&document.parsed)),
        is_deep: cost.depth > MAX_SIMPLE_DEPTH,
        client,
        cost: cost.total(),
        shows_budget: params.shows_budget,
        payment: Payment::Due,
        persists,
        max_age,
        budget,
        record,
        visible,
        timeout: deps.options.limits.timeout,
        permit,
    })
}

/// Validates the document and its variables against the schema, and collects all problems of values.
fn check(
    shared: &HttpState,
    document: &Document,
    params: &GraphQlParams,
    visible: &SchemaForView,
) -> Result<(), Rejection> {
    let mut problems = match validate(shared, document, params, visible) {
        Ok(()) => Vec::new(),
        Err(Invalid::Inputs(problems)) => problems,
        Err(Invalid::Document(errors)) => return Err(Rejection::invalid(errors)),
    };
    let operation = operation(&document.parsed, params.operation_name.as_deref());
    let wrong = operation.map_or_else(Vec::new, |operation| {
        variables::problems(operation, &params.variables, &visible.types)
    });
    let nulls = operation.map_or_else(Vec::new, |operation| {
        variables::null_for_default(operation, &params.variables)
    });
    if problems.is_empty() && wrong.is_empty() && nulls.is_empty() {
        return Ok(());
    }
    if let Some(operation) = operation {
        let types = &visible.types;
        let checks = Checks::Constraints(&params.variables);
        let mut inputs = inputs_of(&document.parsed, operation, types, checks);
        let at_argument = |problem| variables::at_argument(problem, &inputs.usages);
        problems.extend(wrong.into_iter().map(at_argument));
        problems.extend(variables::misplaced_nulls(&inputs.usages, &nulls));
        if problems.is_empty() {
            return Ok(());
        }
        problems.append(&mut inputs.problems);
        problems.extend(variables::violations(&inputs.usages, &params.variables, types));
    }
    Err(Rejection::inputs(&problems))
}

/// Validates the document. Fields that the caller may not see are unknown: in parts that are not executed, they are no
/// error.
fn validate(
    shared: &HttpState,
    document: &Document,
    params: &GraphQlParams,
    visible: &SchemaForView,
) -> Result<(), Invalid> {
    let Err(invalid) = document.validate(visible) else { return Ok(()) };
    let (operation, variables) = (params.operation_name.as_deref(), &params.variables);
    let rest = without_unexecuted_unknowns(&document.text, operation, variables, &visible.rules);
    let rest = rest.and_then(|rest| shared.documents.prepare(&rest, variables).ok());
    match rest {
        Some((rest, _)) if rest.validate(visible).is_ok() => {
            let may_omit = rest.may_omit_required.load(Ordering::Acquire);
            document.may_omit_required.fetch_or(may_omit, Ordering::AcqRel);
            Ok(())
        }
        Some(_) | None => Err(invalid),
    }
}

impl Operation {
    pub(crate) fn is_mutation(&self) -> bool {
        self.kind == Some(OperationType::Mutation)
    }

    pub(crate) fn is_subscription(&self) -> bool {
        self.kind == Some(OperationType::Subscription)
    }

    /// How long caches may reuse the response, if they may.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Spends the cost from the caller's budget, unless it is spent. The operation is accepted then, and its document is
    /// stored if the client persists it.
    pub(crate) async fn pay(&mut self) -> Result<(), Rejection> {
        if let Payment::Spent(_) = self.payment {
            return Ok(());
        }
        let AuditContext { shared, caller, address, .. } = &self.audit;
        let limiter = &shared.deps.rate_limiter;
        let spent = limiter
            .spend(caller.as_deref(), *address, self.cost)
            .await
            .map_err(|exceeded| Rejection::exceeded(exceeded, self.cost, self.shows_budget))?;
        if let Some((hash, document)) = self.persists.take() {
            Box::pin(shared.known.persisted.store(hash, &document, caller.as_deref())).await;
        }
        self.payment = Payment::Spent(spent);
        Ok(())
    }

    /// Runs a query or a mutation, within the timeout.
    pub(crate) async fn run(self, id: &RequestId) -> Result<ResponseBody, Rejection> {
        let record = self.record.clone();
        let done = self.execute(id).await;
        match &done {
            Ok(body) => record.responded(body),
            Err(rejection) => record.rejected(rejection),
        }
        done
    }

    async fn execute(mut self, id: &RequestId) -> Result<ResponseBody, Rejection> {
        let shared = Arc::clone(&self.audit.shared);
        self.pay().await?;
        let (cost, shows_budget) = (self.cost, self.shows_budget);
        let _permit = shared.concurrency.acquire(&self.client).await?;
        let execution =
            execution(&*self.visible.schema, self.request, &self.document, self.is_deep);
        let execution = AssertUnwindSafe(execution).catch_unwind();
        match tokio::time::timeout(self.timeout, execution).await {
            Ok(Ok(response)) => {
                self.audit.audit_response(&response);
                let body = ResponseBody::of(response, id).within(&self.budget)?;
                Ok(match self.payment {
                    Payment::Spent(Some(budget)) => body.with_budget(budget, cost, shows_budget),
                    Payment::Spent(None) | Payment::Due => body,
                })
            }
            Ok(Err(_)) => Err(panic_response()),
            Err(_) => Err(Rejection::unavailable(
                code::TIMEOUT,
                "The operation timed out: request less, or try again.",
                Duration::from_secs(1),
            )),
        }
    }

    fn into_stream(mut self, id: RequestId) -> BoxStream<'static, Result<ResponseBody, Rejection>> {
        let (shared, record) = (Arc::clone(&self.audit.shared), self.record.clone());
        if !self.is_subscription() {
            let run = async move {
                let began = Instant::now();
                let done = self.run(&id).await;
                shared.finish_streamed(&record, &id, Some(began.elapsed()));
                done
            };
            return stream::once(run).boxed();
        }
        let start = async move {
            let paid = self.pay().await;
            if let Err(rejection) = &paid {
                record.rejected(rejection);
            }
            shared.finish_streamed(&record, &id, None);
            match paid {
                Ok(()) => RunningSubscription::new(self, id).into_stream(),
                Err(rejection) => stream::once(std::future::ready(Err(rejection))).boxed(),
            }
        };
        stream::once(start).flatten().boxed()
    }
}

/// The levels of fields that the library accepts in any document; beyond, it decides.
const MAX_SIMPLE_DEPTH: u32 = 30;

/// Executes a query or a mutation.
fn execution<'a>(
    schema: &'a dyn Executable,
    mut request: Request,
    document: &ExecutableDocument,
    is_deep: bool,
) -> BoxFuture<'a, Response> {
    match operation(document, request.operation_name.as_deref()).filter(|_| !is_deep) {
        Some(operation) => schema.execute_valid(request, document, operation),
        None => {
            request.set_parsed_query(document.clone());
            schema.execute(request)
        }
    }
}

/// A request with these variables.
pub(super) fn request_of(variables: Variables, operation_name: Option<String>) -> Request {
    let mut request = Request::new(String::new()).variables(variables);
    request.operation_name = operation_name;
    request
}

/// Runs `operation` as a stream: one response of a query or mutation, or all of a subscription.
pub(crate) fn responses(
    operation: Result<Operation, Rejection>,
    id: RequestId,
) -> BoxStream<'static, ResponseBody> {
    let contents = match operation {
        Ok(operation) => operation.into_stream(id.clone()),
        Err(rejection) => stream::once(std::future::ready(Err(rejection))).boxed(),
    };
    contents.map(move |content| content.unwrap_or_else(|rejection| rejection.content(&id))).boxed()
}

/// The response to an operation in which a resolver panicked.
pub(super) fn panic_response() -> Rejection {
    tracing::error!("a resolver panicked");
    Rejection::internal()
}
