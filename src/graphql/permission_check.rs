//! Permission checks in advance: evaluates the rule that a field states.

use async_graphql::{Context, SimpleObject};

use super::context::ContextExt as _;
use super::error::{Result, code};
use crate::access::{Denial, ResourceAttributes, demand_of};

/// Whether the caller may do something, decided by the rule of the field that does it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "Decision")]
pub struct Permission {
    /// Whether they may.
    pub allowed: bool,
    /// The code that the refusal would have; null when allowed.
    pub code: Option<String>,
    /// The rule; null where the caller sees no field that does it.
    pub rule: Option<String>,
    /// What would satisfy the rule; empty when allowed.
    pub missing: Vec<String>,
    /// The same for people.
    pub why: String,
    /// Whether the OAuth client that acts for the caller lacks a scope.
    #[graphql(skip)]
    pub lacks_scope: bool,
}

impl Permission {
    /// What the rule of the field `object.field` says of a row with these `facts`, as it would if the field
    /// were used. Nothing is kept of it: to ask is not to do.
    ///
    /// # Errors
    /// When the auth server had to be asked and did not answer.
    pub async fn of(
        ctx: &Context<'_>,
        (object, field): (&str, &str),
        facts: ResourceAttributes<'_>,
    ) -> Result<Self> {
        let Some(demand) = demand_of(ctx, object, field) else {
            let is_anonymous = ctx.caller().is_none();
            return Ok(Self {
                allowed: false,
                code: Some(
                    if is_anonymous { code::UNAUTHENTICATED } else { code::FORBIDDEN }.into(),
                ),
                rule: None,
                missing: Vec::new(),
                why: "This is not for callers like you.".to_owned(),
                lacks_scope: false,
            });
        };
        let refusal = ctx.request_auth().decide(demand, facts).await?.err();
        let sentence = demand.rule.describe();
        Ok(Self {
            allowed: refusal.is_none(),
            why: match &refusal {
                None => format!("It is for {sentence}."),
                Some(denial) => {
                    format!("It is for {sentence}: you lack {}.", denial.lacking().join(" and "))
                }
            },
            lacks_scope: refusal.as_ref().is_some_and(|denial| !denial.scopes.is_empty()),
            rule: Some(demand.rule.name()),
            code: refusal.as_ref().map(|denial| Denial::code(denial).to_owned()),
            missing: refusal.map(|denial| denial.lacking()).unwrap_or_default(),
        })
    }

    /// About a row that is not there, or that the caller does not get to see: no caller may do anything to it.
    #[must_use]
    pub fn for_missing_row(self) -> Self {
        if self.rule.is_none() {
            return self;
        }
        let why = "There is no such thing.".to_owned();
        Self {
            allowed: false,
            code: Some(code::NOT_FOUND.to_owned()),
            missing: Vec::new(),
            why,
            ..self
        }
    }
}
