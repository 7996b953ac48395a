//! GraphQL types of the audit log.

use async_graphql::{Context, InputObject};
use chrono::TimeDelta;
use hallpass_data::audit::{Column, Entity, Model};
use hallpass_data::{AuditEventId, Comparison as _, Filter};
use uuid::Uuid;

use crate::access::{ADMIN, guarded};
use crate::graphql::{Constrained, Constraint, ContextExt as _, DateTime, Id, Result, Validator};
use crate::schema::FindNode;

/// As long as the longest stored value.
const EXACT: Constraint<'_> = Constraint::text(1, 320);

/// An audit event: caller, field, rule and outcome.
pub struct AuditEvent(pub(super) Model);

/// An audit event: caller, field, rule and outcome.
#[guarded(AuditEvent, id = AuditEventId)]
impl AuditEvent {
    /// Global ID.
    async fn id(&self) -> Id<AuditEvent> {
        Id::new(self.0.id)
    }

    /// Time of the event.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Decision ID; `extensions.decisionId` of a denial.
    async fn decision_id(&self) -> String {
        self.0.decision_id.to_string()
    }

    /// Request ID, as in the log and in the `X-Request-Id` header.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// User ID of the caller, or `erased-` and a pseudonym for erased users. Null if no caller was signed in.
    async fn caller_id(&self) -> Option<&str> {
        self.0.caller_id.as_deref()
    }

    /// User ID or pseudonym of the administrator who impersonated the caller.
    async fn impersonated_by(&self) -> Option<&str> {
        self.0.impersonated_by.as_deref()
    }

    /// Kind of credential: an `AuthMethod` value at the time of the event.
    async fn method(&self) -> Option<&str> {
        self.0.method.as_deref()
    }

    /// Field, as `Type.field`. `authentication` for a rejected credential.
    async fn field(&self) -> &str {
        &self.0.field
    }

    /// Name of the rule, or the check that the credential failed.
    async fn rule(&self) -> &str {
        &self.0.rule
    }

    /// `ALLOWED`, `UNFINISHED` for a mutation interrupted by the end of its request, or the error code.
    async fn outcome(&self) -> &str {
        &self.0.outcome
    }

    /// Global ID of the row, if any. For users, `user:` and the user ID.
    async fn row_id(&self) -> Option<&str> {
        self.0.row_id.as_deref()
    }

    /// Number of occurrences: within one request, or of merged equal events under load. For a failed mutation, the
    /// number of its row IDs.
    async fn times(&self) -> i32 {
        self.0.times
    }

    /// OAuth client that acted for the caller. Null for credentials other than access tokens.
    async fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// Scopes of the access token, possibly truncated. Null for other credentials.
    async fn scopes(&self) -> Option<Vec<&str>> {
        self.0.scopes.as_deref().map(|scopes| scopes.split_ascii_whitespace().collect())
    }
}

impl FindNode for AuditEvent {
    async fn find_node(ctx: &Context<'_>, id: AuditEventId) -> Result<Option<Self>> {
        let events = ctx.scope().all::<Entity>(ADMIN.authorize(ctx).await?);
        Ok(events.filter(Column::Id.is(id)).one().await?.map(Self))
    }
}

/// Audit event filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct AuditFilter {
    /// User ID or pseudonym of the caller.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub caller_id: Option<String>,
    /// User ID or pseudonym of the impersonating administrator.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub impersonated_by: Option<String>,
    /// OAuth client ID.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub client_id: Option<String>,
    /// Field, as `Type.field`.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub field: Option<String>,
    /// Name of the rule, or the failed check.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub rule: Option<String>,
    /// Outcome.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub outcome: Option<String>,
    /// Global ID of the row. For users, `user:` and the user ID.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub row_id: Option<String>,
    /// Decision ID.
    pub decision_id: Option<String>,
    /// Request ID.
    #[graphql(directive = Constrained::apply(EXACT))]
    pub request_id: Option<String>,
    /// Earliest time, inclusive.
    pub since: Option<DateTime>,
    /// Latest time, exclusive.
    pub until: Option<DateTime>,
}

impl AuditFilter {
    pub(super) fn check(&self) -> Result<Filter<Entity>> {
        let mut validator = Validator::default();
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
            let text = text.as_deref().map(|text| validator.text(path, text, &EXACT));
            filter = filter.and_if_some(text.map(|text| column.is(text)));
        }
        let decision = self.decision_id.as_deref().map(Uuid::try_parse);
        if let Some(Err(_)) = decision {
            validator.add_error(
                "filter.decisionId",
                "give an ID in the format of `extensions.decisionId`",
            );
        }
        validator.finish()?;
        // Times are stored with microsecond precision.
        let since = self.since.map(|since| since.0 - TimeDelta::microseconds(1));
        Ok(filter
            .and_if_some(decision.and_then(|id| id.ok()).map(|id| Column::DecisionId.is(id)))
            .and_if_some(since.map(|time| Column::At.greater_than(time)))
            .and_if_some(self.until.map(|until| Column::At.less_than(until.0))))
    }
}
