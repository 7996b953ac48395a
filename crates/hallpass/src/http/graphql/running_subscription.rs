//! A subscription that runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Data, Request, Response, Variables};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};

use super::execute::{AuditContext, Operation, panic_response, request_of};
use super::rejection::Rejection;
use super::response::{RequestId, ResponseBody};
use crate::graphql::{AnswerBudget, Subscription, SubscriptionSlot, execute_event, subscribe};
use crate::http::ops::operation_metrics::CountedSubscription;
use crate::http::streaming::Permit;
use crate::schema::SchemaForView;

/// A subscription, from its first execution on. While no event arrives, it has no execution.
pub(super) struct RunningSubscription {
    visible: Arc<SchemaForView>,
    variables: Variables,
    operation_name: Option<String>,
    /// What all executions share: the caller, the scope and the services.
    data: Arc<Data>,
    slot: SubscriptionSlot,
    /// `None` before the field has subscribed, and after its last event.
    events: Option<Subscription>,
    execution: Option<BoxStream<'static, Response>>,
    audit: AuditContext,
    document: Arc<ExecutableDocument>,
    id: RequestId,
    /// The points that an event costs.
    cost: u64,
    budget: AnswerBudget,
    counted: CountedSubscription,
    /// Held until the subscription is dropped.
    _permit: Option<Permit>,
}

impl RunningSubscription {
    pub(super) fn new(operation: Operation, id: RequestId) -> Self {
        let Operation { mut request, visible, audit, document, cost, budget, permit, .. } =
            operation;
        let counted = audit.shared.operation_metrics.subscribed();
        let mut this = Self {
            visible,
            variables: request.variables.clone(),
            operation_name: request.operation_name.clone(),
            data: Arc::new(std::mem::take(&mut request.data)),
            slot: SubscriptionSlot::default(),
            events: None,
            execution: None,
            audit,
            document,
            id,
            cost,
            budget,
            counted,
            _permit: permit,
        };
        request.set_parsed_query((*this.document).clone());
        this.execute(subscribe(request, this.slot.clone()));
        this
    }

    /// Its responses.
    pub(super) fn into_stream(self) -> BoxStream<'static, Result<ResponseBody, Rejection>> {
        let next = async |mut running: Box<Self>| {
            let content = running.next().await?;
            Some((content, running))
        };
        stream::unfold(Box::new(self), next).boxed()
    }

    fn execute(&mut self, request: Request) {
        let data = Arc::clone(&self.data);
        self.execution = Some(self.visible.schema.execute_stream(request, data));
    }

    /// The next response; `None` at the end.
    async fn next(&mut self) -> Option<Result<ResponseBody, Rejection>> {
        loop {
            if let Some(execution) = &mut self.execution {
                match AssertUnwindSafe(execution.next()).catch_unwind().await {
                    Ok(Some(response)) => return Some(self.content(response)),
                    Ok(None) => self.execution = None,
                    Err(_) => {
                        (self.execution, self.events) = (None, None);
                        return Some(Err(panic_response()));
                    }
                }
                self.events = self.slot.take().or(self.events.take());
            }
            let event = self.events.as_mut()?.next().await;
            if event.is_err() {
                self.events = None;
            }
            Box::pin(self.audit.pay_for_event(self.cost)).await;
            let (variables, name) = (self.variables.clone(), self.operation_name.clone());
            let mut request = request_of(variables, name);
            request.set_parsed_query((*self.document).clone());
            self.execute(execute_event(request, event));
        }
    }

    fn content(&self, response: Response) -> Result<ResponseBody, Rejection> {
        self.counted.event();
        self.audit.audit_response(&response);
        ResponseBody::of(response, &self.id).within(&self.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_subscription_is_small() {
        assert!(size_of::<RunningSubscription>() <= 512, "large parts belong into the execution");
    }
}
