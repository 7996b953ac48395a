//! Permission checks: evaluates the rule of a field without using the field.

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::context::ContextExt as _;
use super::error::Result;
use super::error_code::ErrorCode;
use super::requirement::Requirement;
use crate::access::{Denial, ROOT_TYPES, ResourceAttributes, demand_of, denial_message};
use crate::code;

/// Result of a permission check, decided by the rule of the field that performs the action.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "Decision", complex)]
pub struct Permission {
    /// Whether the caller may perform the action.
    pub allowed: bool,
    /// Error code of the denial. Null if allowed.
    pub code: Option<String>,
    /// Rule of the field. Null if the field is not in the schema that the caller sees.
    pub rule: Option<String>,
    /// Unmet requirements of the rule. Empty if allowed.
    pub missing: Vec<String>,
    /// Reason, as a sentence to show to the user.
    pub why: String,
    /// Whether the OAuth client that acts for the user lacks a scope.
    #[graphql(skip)]
    pub lacks_scope: bool,
}

/// The fields of [`Permission`] that are computed.
#[ComplexObject]
impl Permission {
    /// Error code of the denial, as a value of the schema. Null if allowed.
    async fn error_code(&self) -> Option<ErrorCode> {
        self.code.as_deref()?.parse().ok()
    }

    /// Unmet requirements of the rule, as values of the schema. Empty if allowed.
    async fn unmet(&self) -> Vec<Requirement> {
        self.missing.iter().map(|name| Requirement::named(name)).collect()
    }
}

impl Permission {
    /// Evaluates the rule of the field `object.field` for a row with these `attributes`, as if the field were used.
    /// Not audited: a check is not a use.
    ///
    /// # Errors
    /// When the decision requires step-up authentication and the auth server is unavailable.
    pub async fn of(
        ctx: &Context<'_>,
        (object, field): (&str, &str),
        attributes: ResourceAttributes<'_>,
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
                why: "You do not have access to this field.".to_owned(),
                lacks_scope: false,
            });
        };
        let denial = ctx.request_auth().decide(demand, attributes).await?.err();
        let object = Some(object).filter(|object| !ROOT_TYPES.contains(object));
        Ok(Self {
            allowed: denial.is_none(),
            why: match &denial {
                None => match object {
                    Some(object) => format!("You can read this {}.", object.to_lowercase()),
                    None => "You can do this.".to_owned(),
                },
                Some(denial) => denial_message(denial, object),
            },
            lacks_scope: denial.as_ref().is_some_and(|denial| !denial.scopes.is_empty()),
            rule: Some(demand.rule.name()),
            code: denial.as_ref().map(|denial| Denial::code(denial).to_owned()),
            missing: denial.map(|denial| denial.lacking()).unwrap_or_default(),
        })
    }

    /// Converts the result for a client that lacks a scope: without requirements on the row, which was not read.
    #[must_use]
    pub fn for_missing_scope(self) -> Self {
        let missing = self.missing.into_iter().filter(|name| name.starts_with("SCOPE(")).collect();
        Self { missing, ..self }
    }

    /// Converts the result for a row that does not exist or is not visible to the caller: denied as `NOT_FOUND`.
    #[must_use]
    pub fn for_missing_row(self) -> Self {
        if self.rule.is_none() {
            return self;
        }
        let why = "This does not exist.".to_owned();
        Self {
            allowed: false,
            code: Some(code::NOT_FOUND.to_owned()),
            missing: Vec::new(),
            why,
            ..self
        }
    }
}
