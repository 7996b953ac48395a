//! Guards: rules, asked of the caller of the request under way.

use std::sync::Arc;

use async_graphql::{Context, Guard, Result};
use hallpass_entity::Privilege;

use super::rule::{Denial, Facts, Rule};
use crate::identity::{Caller, Tiers};

/// Who asks, as every request carries it.
#[derive(Clone)]
pub struct Asking {
    /// The caller; none when nobody is signed in.
    pub caller: Option<Arc<Caller>>,
    /// The tiers, lowest first.
    pub tiers: Arc<Tiers>,
}

/// A row that some of its fields' rules ask about.
pub trait Guarded {
    /// What the rules may know.
    fn facts(&self) -> Facts;
}

/// A rule about one row.
pub struct RowRule {
    rule: Rule,
    facts: Facts,
}

impl Rule {
    /// The rule, about this row: `guard = "Owner.of(self)"`.
    pub fn of(self, row: &impl Guarded) -> RowRule {
        RowRule { rule: self, facts: row.facts() }
    }

    /// The key to everyone's rows, for a caller who meets this rule: a rule of role or permission.
    ///
    /// # Errors
    /// The refusal, when they do not.
    #[expect(clippy::disallowed_methods, reason = "the rule was met")]
    pub fn prove(self, ctx: &Context<'_>) -> std::result::Result<Privilege, Denial> {
        let asking = ctx.data_unchecked::<Asking>();
        self.decide(asking.caller.as_deref(), &Facts::default(), &asking.tiers)?;
        Ok(Privilege::proved())
    }

    fn ask(self, ctx: &Context<'_>, facts: &Facts) -> Result<()> {
        let asking = ctx.data_unchecked::<Asking>();
        let decision = self.decide(asking.caller.as_deref(), facts, &asking.tiers);
        decision.map_err(async_graphql::Error::from)
    }
}

impl Guard for Rule {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        self.ask(ctx, &Facts::default())
    }
}

impl Guard for RowRule {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        self.rule.ask(ctx, &self.facts)
    }
}
