//! GraphQL types of the audit log.

use async_graphql::{ID, InputObject, Object};
use chrono::TimeDelta;
use hallpass_entity::audit::{Column, Entity, Model};
use hallpass_entity::{Comparison as _, Filter};
use uuid::Uuid;

use crate::graphql::{DateTime, Result, Validator, encode_id};

/// Longer than any name or id that is kept.
const LONGEST: usize = 320;

/// A line of the audit: who did what, under which rule, and how it ended.
pub struct AuditEvent(pub(super) Model);

#[Object]
impl AuditEvent {
    /// The global id.
    async fn id(&self) -> ID {
        encode_id("AuditEvent", self.0.id)
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// The decision's id: a refusal tells it as `extensions.decisionId`.
    async fn decision_id(&self) -> String {
        self.0.decision_id.to_string()
    }

    /// The request's id: its answer tells it as `X-Request-Id`, and so does the log.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The caller's id, or `erased-` and a pseudonym; null when no caller was signed in.
    async fn caller_id(&self) -> Option<&str> {
        self.0.caller_id.as_deref()
    }

    /// The id or pseudonym of the administrator who acted as the caller.
    async fn impersonated_by(&self) -> Option<&str> {
        self.0.impersonated_by.as_deref()
    }

    /// The kind of credential, as `AuthMethod` names it, or named it then.
    async fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    /// The field as `Type.field`; `authentication` for a credential that was refused.
    async fn field(&self) -> &str {
        &self.0.field
    }

    /// The rule's name, or the check that the credential failed.
    async fn rule(&self) -> &str {
        &self.0.rule
    }

    /// `ALLOWED`, `UNFINISHED` for a mutation that the end of its request cut off, or the error's code.
    async fn outcome(&self) -> &str {
        &self.0.outcome
    }

    /// The global id of the row, where it is about one; of a user, `user:` and the auth server's id.
    async fn row_id(&self) -> Option<&str> {
        self.0.row_id.as_deref()
    }

    /// How often the same happened: within one request, or at once where there is more than is kept one by one.
    /// Of a mutation that failed, how many rows it named.
    async fn times(&self) -> i32 {
        self.0.times
    }

    /// The OAuth client that acted for the caller; null for credentials other than an access token.
    async fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// The scopes that its access token had, as far as they are kept; null for other credentials.
    async fn scopes(&self) -> Option<Vec<&str>> {
        self.0.scopes.as_deref().map(|scopes| scopes.split_ascii_whitespace().collect())
    }
}

/// Which lines of the audit. Everything given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct AuditFilter {
    /// By this caller.
    pub caller_id: Option<String>,
    /// By this administrator, in another user's name.
    pub impersonated_by: Option<String>,
    /// Through this OAuth client.
    pub client_id: Option<String>,
    /// At this field, as `Type.field`.
    pub field: Option<String>,
    /// Under this rule, or failing this check.
    pub rule: Option<String>,
    /// With this end.
    pub outcome: Option<String>,
    /// About the row with this global id; about a user, `user:` and the auth server's id.
    pub row_id: Option<String>,
    /// Of this decision.
    pub decision_id: Option<String>,
    /// Of this request.
    pub request_id: Option<String>,
    /// At this moment or later.
    pub since: Option<DateTime>,
    /// Before this moment.
    pub until: Option<DateTime>,
}

impl AuditFilter {
    pub(super) fn check(&self) -> Result<Filter<Entity>> {
        let mut checks = Validator::default();
        let texts = [
            ("filter.callerId", Column::CallerId, &self.caller_id),
            ("filter.impersonatedBy", Column::ImpersonatedBy, &self.impersonated_by),
            ("filter.clientId", Column::ClientId, &self.client_id),
            ("filter.field", Column::Field, &self.field),
            ("filter.rule", Column::Rule, &self.rule),
            ("filter.outcome", Column::Outcome, &self.outcome),
            ("filter.rowId", Column::RowId, &self.row_id),
            ("filter.requestId", Column::RequestId, &self.request_id),
        ];
        let mut filter = Filter::all();
        for (path, column, text) in texts {
            let text = text.as_deref().map(|text| checks.text(path, text, 1, LONGEST));
            filter = filter.and_if_some(text.map(|text| column.is(text)));
        }
        let decision = self.decision_id.as_deref().map(Uuid::try_parse);
        if let Some(Err(_)) = decision {
            checks.add_error("filter.decisionId", "give an id as `extensions.decisionId` tells it");
        }
        checks.finish()?;
        // Moments are kept to the microsecond.
        let since = self.since.map(|since| since.0 - TimeDelta::microseconds(1));
        Ok(filter
            .and_if_some(decision.and_then(|id| id.ok()).map(|id| Column::DecisionId.is(id)))
            .and_if_some(since.map(|moment| Column::At.greater_than(moment)))
            .and_if_some(self.until.map(|until| Column::At.less_than(until.0))))
    }
}
