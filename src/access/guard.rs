//! Guards: evaluate a field's rule for the caller of the current request.

use std::sync::Arc;

use async_graphql::{Context, Error, Guard};
use chrono::TimeDelta;
use hallpass_entity::{Privilege, now};
use uuid::Uuid;

use super::audit_trail::{ALLOWED, AuditTrail};
use super::decision::{Denial, DenialReason, Policy, ResourceAttributes, Subject};
use super::demand::Demand;
use super::rule::Rule;
use crate::identity::{Authentication, Caller, Reauthentication};

/// Who asks, as every request carries it.
pub struct RequestAuth {
    /// The caller; none when no user is signed in.
    pub caller: Option<Arc<Caller>>,
    /// What the rules mean here.
    pub policy: Arc<Policy>,
    /// How the auth server confirms them anew; none where it cannot be asked.
    pub confirmation: Option<Reauthentication>,
    /// What is kept for the audit.
    pub trail: AuditTrail,
    /// Whether a refusal tells the caller what is known of them: in development.
    pub is_open: bool,
}

/// An object that some of its fields' rules ask about.
pub trait Resource: Sync {
    /// What the rules may know.
    fn facts(&self) -> ResourceAttributes<'_>;
    /// The global id of the row.
    fn row_id(&self) -> String;
}

/// A demand, made at a field.
pub struct RuleGuard<'a> {
    demand: Demand<'static>,
    object: &'static str,
    row: Option<&'a dyn Resource>,
}

/// A refusal, as the caller is told it.
#[derive(Debug)]
pub struct AccessDenied {
    /// What was refused and why.
    pub denial: Denial,
    /// The id under which the audit has it.
    pub decision_id: Uuid,
    /// The caller's side of it, in development.
    pub caller: Option<Arc<Caller>>,
}

/// The auth server has to confirm the caller, and cannot be reached.
#[derive(Clone, Copy, Debug)]
pub struct ReauthenticationUnavailable;

/// Why a field stays closed.
#[derive(Debug)]
pub enum AccessError {
    /// The rule says no.
    Refused(Box<AccessDenied>),
    /// Whether the rule would say no cannot be found out now.
    Unconfirmed,
}

impl From<ReauthenticationUnavailable> for AccessError {
    fn from(ReauthenticationUnavailable: ReauthenticationUnavailable) -> Self {
        Self::Unconfirmed
    }
}

impl Demand<'static> {
    /// The demand about a row, which is an object of the type `object`. Written by `#[guarded]`.
    pub fn of<'a>(self, object: &'static str, row: &'a dyn Resource) -> RuleGuard<'a> {
        RuleGuard { demand: self, object, row: Some(row) }
    }

    /// The demand where there is no row, at a field of a root type. Written by `#[guarded]`.
    #[must_use]
    pub fn without_object(self, object: &'static str) -> RuleGuard<'static> {
        RuleGuard { demand: self, object, row: None }
    }

    /// Makes the demand within a resolver: of a field that learns only there what it is asked for.
    ///
    /// # Errors
    /// The refusal, or that the auth server had to be asked and did not answer.
    pub async fn check(self, ctx: &Context<'_>) -> Result<(), AccessError> {
        let asking = ctx.data_unchecked::<RequestAuth>();
        let decision = asking.decide(self, ResourceAttributes::default()).await?;
        decision.map_err(|denial| AccessError::Refused(asking.deny_field(ctx, denial)))
    }
}

impl Rule {
    /// The key to everyone's rows, for a caller who meets this rule. Only a privileged rule has one. A caller
    /// who was confirmed anew at the field is found to be so here too.
    ///
    /// # Errors
    /// The refusal, when they do not, or when the rule lets in every user who signs up; or that the auth
    /// server had to be asked and did not answer.
    #[expect(clippy::disallowed_methods, reason = "the rule was met")]
    pub async fn authorize(self, ctx: &Context<'_>) -> Result<Privilege, AccessError> {
        let asking = ctx.data_unchecked::<RequestAuth>();
        match asking.decide(self, ResourceAttributes::default()).await? {
            Ok(()) if self.is_privileged() => Ok(Privilege::proved()),
            Ok(()) => Err(AccessError::Refused(self.deny(ctx))),
            Err(denial) => Err(AccessError::Refused(asking.deny_field(ctx, denial))),
        }
    }

    /// The key to everyone's rows, before there is a field to refuse: none for a caller who does not
    /// meet this rule, or when it lets in every user who signs up.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the rule was met")]
    pub fn authorize_with(self, asking: &RequestAuth) -> Option<Privilege> {
        let is_met = self.decide(asking.subject(), ResourceAttributes::default()).is_ok();
        (is_met && self.is_privileged()).then(Privilege::proved)
    }

    /// The refusal of a caller whom a statement refused.
    #[must_use]
    pub fn deny(self, ctx: &Context<'_>) -> Box<AccessDenied> {
        let asking = ctx.data_unchecked::<RequestAuth>();
        asking.deny_field(ctx, self.denial(asking.subject()))
    }

    /// Asks the rule about `row`, within a resolver that came by the row itself.
    ///
    /// # Errors
    /// The refusal, or that the auth server had to be asked and did not answer.
    pub async fn check(self, ctx: &Context<'_>, row: &dyn Resource) -> Result<(), AccessError> {
        let asking = ctx.data_unchecked::<RequestAuth>();
        let decision = asking.decide(self, row.facts()).await?;
        decision.map_err(|denial| AccessError::Refused(asking.deny_field(ctx, denial)))
    }
}

impl RequestAuth {
    /// A caller who asks where nothing is kept for an audit and the auth server cannot be asked again.
    #[must_use]
    pub fn without_audit(caller: Option<Arc<Caller>>, policy: Policy) -> Self {
        let trail = AuditTrail::new(Arc::new(|_| {}), String::new(), None);
        Self { caller, policy: Arc::new(policy), confirmation: None, trail, is_open: false }
    }

    /// The caller in front of a rule.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { caller: self.caller.as_deref(), policy: &self.policy }
    }

    /// Refuses at a field, on the record.
    fn refuse(&self, denial: Denial, field: String, row: Option<String>) -> Box<AccessDenied> {
        let decision_id = self.trail.note(field, denial.on_record(), denial.code(), row);
        self.denial(denial, decision_id)
    }

    /// Refuses within a resolver.
    fn deny_field(&self, ctx: &Context<'_>, denial: Denial) -> Box<AccessDenied> {
        self.deny_mutation(denial, || format!("Query.{}", ctx.item.node.name.node))
    }

    /// Refuses the mutation under way, or else the field.
    fn deny_mutation(&self, denial: Denial, field: impl FnOnce() -> String) -> Box<AccessDenied> {
        match self.trail.refuse(&denial.on_record()) {
            Some(decision_id) => self.denial(denial, decision_id),
            None => self.refuse(denial, field(), None),
        }
    }

    fn denial(&self, denial: Denial, decision_id: Uuid) -> Box<AccessDenied> {
        let caller = self.caller.clone().filter(|_| self.is_open);
        Box::new(AccessDenied { denial, decision_id, caller })
    }

    /// Decides, and asks the auth server where only its confirmation is missing. Nothing is kept of it.
    ///
    /// # Errors
    /// When the auth server had to be asked and did not answer.
    pub async fn decide(
        &self,
        demand: impl Into<Demand<'_>>,
        facts: ResourceAttributes<'_>,
    ) -> Result<Result<(), Denial>, ReauthenticationUnavailable> {
        let demand = demand.into();
        match demand.decide(self.subject(), facts) {
            Err(denial) if denial.lack == DenialReason::Confirmation => {
                // Boxed: it is rare, and every guarded field would be as large.
                Box::pin(self.decide_after_step_up(demand, facts, denial)).await
            }
            decision => Ok(decision),
        }
    }

    /// The decision about a caller whom the auth server confirmed just now.
    async fn decide_after_step_up(
        &self,
        demand: Demand<'_>,
        facts: ResourceAttributes<'_>,
        denial: Denial,
    ) -> Result<Result<(), Denial>, ReauthenticationUnavailable> {
        let (Some(confirmation), Some(before)) = (&self.confirmation, &self.caller) else {
            return Ok(Err(denial));
        };
        let since = now() - TimeDelta::seconds(demand.rule.freshness().into());
        match confirmation.fresh_since(since).await {
            Authentication::Caller(caller) if caller.id() == before.id() => {
                Ok(demand.decide(Subject { caller: Some(&caller), policy: &self.policy }, facts))
            }
            Authentication::Unavailable(_) => Err(ReauthenticationUnavailable),
            Authentication::Caller(_)
            | Authentication::Anonymous
            | Authentication::Refused(_)
            | Authentication::CrossSite(_) => Ok(Err(denial)),
        }
    }
}

impl RuleGuard<'_> {
    async fn ask(&self, asking: &RequestAuth, field: &str) -> Result<(), AccessError> {
        // A mutation is on the record from its beginning to its end.
        let is_mutation = self.object == "Mutation";
        let unseen = if is_mutation {
            ResourceAttributes::ASSUME_OWNER
        } else {
            ResourceAttributes::default()
        };
        let facts = self.row.map_or(unseen, Resource::facts);
        let decision = asking.decide(self.demand, facts).await?;
        let (place, row) =
            (|| format!("{}.{field}", self.object), || self.row.map(Resource::row_id));
        match decision {
            Ok(()) if self.demand.rule.is_privileged() && !is_mutation => {
                asking.trail.note(place(), self.demand.rule.name(), ALLOWED, row());
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(denial) => Err(AccessError::Refused(match is_mutation {
                true => asking.deny_mutation(denial, place),
                false => asking.refuse(denial, place(), row()),
            })),
        }
    }
}

impl Guard for RuleGuard<'_> {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        let asking = ctx.data_unchecked::<RequestAuth>();
        self.ask(asking, ctx.item.node.name.node.as_str()).await.map_err(Error::from)
    }
}
