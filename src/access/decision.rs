//! Authorization decisions: whether a caller meets a rule, and if not, what is missing. No I/O.

use chrono::TimeDelta;
use hallpass_entity::now;

use super::rule::Rule;
use crate::config::{RoleInheritance, Tiers};
use crate::identity::{Caller, CallerKind};

/// What a team has set about roles and tiers.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The tiers, lowest first.
    pub tiers: Tiers,
    /// Which role implies which.
    pub roles: RoleInheritance,
}

/// A caller, in front of a rule.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The caller; none when no user is signed in.
    pub caller: Option<&'a Caller>,
    /// What the rules mean here.
    pub policy: &'a Policy,
}

/// What a rule may know of the row whose field is used; by default nothing, which meets no rule about rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceAttributes<'a> {
    /// Whether the caller owns it.
    pub is_owner: bool,
    /// The lowest tier that may read it.
    pub required_tier: Option<&'a str>,
}

impl ResourceAttributes<'_> {
    /// Of the row that a mutation names, before its statement runs, which holds to the owner by itself.
    pub const ASSUME_OWNER: Self = Self { is_owner: true, required_tier: None };
}

/// Why a rule was not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// No caller is signed in: that comes first.
    SignIn,
    /// The auth server has to confirm the caller anew.
    Confirmation,
    /// Something that the caller is not, or does not hold.
    Right,
}

/// A refusal, with what would have satisfied the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule's name.
    pub rule: String,
    /// Of what kind the reason is.
    pub lack: DenialReason,
    /// What the caller lacks of what the rule asks.
    pub missing: Vec<String>,
    /// The OAuth scopes that the caller's client lacks.
    pub scopes: Vec<String>,
}

impl Denial {
    /// Everything that is missing, as a refusal says it.
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        self.missing.iter().cloned().chain(self.scopes.iter().map(|it| scope_name(it))).collect()
    }

    /// The rule that refused, as the audit keeps it, with the scopes that were missing.
    #[must_use]
    pub fn on_record(&self) -> String {
        let scopes = self.scopes.iter().map(|it| scope_name(it));
        std::iter::once(self.rule.clone()).chain(scopes).collect::<Vec<_>>().join(" and ")
    }
}

/// How a refusal names a scope.
fn scope_name(scope: &str) -> String {
    format!("SCOPE({scope})")
}

/// One part of a rule, and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The part.
    pub rule: Rule,
    /// Whether it is met.
    pub met: bool,
}

/// Whether a caller counts as confirmed just now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    AsTheyAre,
    Supposed,
}

impl Rule {
    /// Whether `asker` may use a field of a row with these `facts`.
    ///
    /// # Errors
    /// The refusal, when not.
    pub fn decide(self, asker: Subject<'_>, facts: ResourceAttributes<'_>) -> Result<(), Denial> {
        if self.is_met(asker, facts, Confirmed::AsTheyAre) {
            return Ok(());
        }
        let lack = match asker.caller {
            None => DenialReason::SignIn,
            Some(_) if self.is_met(asker, facts, Confirmed::Supposed) => DenialReason::Confirmation,
            Some(_) => DenialReason::Right,
        };
        let mut missing = Vec::new();
        self.unmet_requirements(asker, facts, &mut missing);
        Err(Denial { rule: self.name(), lack, missing, scopes: Vec::new() })
    }

    /// The refusal of a caller whom the statement itself refused.
    #[must_use]
    pub fn denial(self, asker: Subject<'_>) -> Denial {
        let lack = if asker.caller.is_none() { DenialReason::SignIn } else { DenialReason::Right };
        Denial { rule: self.name(), lack, missing: vec![self.name()], scopes: Vec::new() }
    }

    /// Every part of the rule, and whether it is met.
    #[must_use]
    pub fn reasons(self, asker: Subject<'_>, facts: ResourceAttributes<'_>) -> Vec<Reason> {
        match self.conjuncts() {
            [] => vec![Reason { rule: self, met: self.is_met(asker, facts, Confirmed::AsTheyAre) }],
            parts => parts.iter().flat_map(|part| part.reasons(asker, facts)).collect(),
        }
    }

    /// Whether a caller like `asker` could meet the rule with another row, tier or credential, or, when
    /// no caller is signed in, by signing in. What they could not is no part of the schema they see.
    #[must_use]
    pub fn is_reachable(self, asker: Subject<'_>) -> bool {
        match self {
            Self::Role(_) | Self::Permission(_) | Self::Service => {
                self.is_met(asker, ResourceAttributes::default(), Confirmed::Supposed)
            }
            Self::AnyOf(rules) => rules.iter().any(|rule| rule.is_reachable(asker)),
            Self::AllOf(rules) => rules.iter().all(|rule| rule.is_reachable(asker)),
            Self::Public
            | Self::SignedIn
            | Self::Tier(_)
            | Self::RowTier
            | Self::Owner
            | Self::Fresh(_)
            | Self::FreshForTopTier(_)
            | Self::NotImpersonated
            | Self::NotAnonymous => true,
        }
    }

    fn is_met(
        self,
        asker: Subject<'_>,
        facts: ResourceAttributes<'_>,
        confirmed: Confirmed,
    ) -> bool {
        let Subject { caller, policy } = asker;
        let is_fresh = |seconds| confirmed == Confirmed::Supposed || is_fresh(caller, seconds);
        let tier = || caller.map_or(policy.tiers.lowest(), Caller::tier);
        match self {
            Self::Public => true,
            Self::SignedIn => is_person(caller),
            Self::Service => caller.is_some_and(|caller| caller.kind() == CallerKind::Service),
            Self::Role(role) => caller.is_some_and(|caller| {
                caller.roles().iter().any(|held| policy.roles.implies(held, role))
            }),
            Self::Permission(permission) => {
                caller.is_some_and(|caller| caller.permissions().contains(permission))
            }
            Self::Tier(required) => policy.tiers.reach(tier(), required),
            Self::RowTier => {
                facts.required_tier.is_some_and(|required| policy.tiers.reach(tier(), required))
            }
            Self::Owner => is_person(caller) && facts.is_owner,
            Self::Fresh(seconds) => is_fresh(seconds),
            Self::FreshForTopTier(seconds) => {
                facts.required_tier.is_some_and(|tier| !policy.tiers.is_top(tier))
                    || is_fresh(seconds)
            }
            Self::NotImpersonated => {
                caller.is_some_and(|caller| caller.impersonated_by().is_none())
            }
            Self::NotAnonymous => caller.is_some_and(|caller| !caller.is_anonymous()),
            Self::AnyOf(rules) => rules.iter().any(|rule| rule.is_met(asker, facts, confirmed)),
            Self::AllOf(rules) => rules.iter().all(|rule| rule.is_met(asker, facts, confirmed)),
        }
    }

    fn unmet_requirements(
        self,
        asker: Subject<'_>,
        facts: ResourceAttributes<'_>,
        missing: &mut Vec<String>,
    ) {
        if self.is_met(asker, facts, Confirmed::AsTheyAre) {
            return;
        }
        if let Self::AllOf(rules) = self {
            rules.iter().for_each(|rule| rule.unmet_requirements(asker, facts, missing));
        } else if let (Self::RowTier, Some(tier)) = (self, facts.required_tier) {
            missing.push(format!("TIER({tier})"));
        } else {
            missing.push(self.name());
        }
    }
}

fn is_person(caller: Option<&Caller>) -> bool {
    caller.is_some_and(|caller| caller.kind() == CallerKind::User)
}

fn is_fresh(caller: Option<&Caller>, seconds: u32) -> bool {
    let earliest = now() - TimeDelta::seconds(seconds.into());
    caller.is_some_and(|caller| caller.confirmed_at() >= earliest)
}
