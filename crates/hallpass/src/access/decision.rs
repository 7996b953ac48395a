//! Authorization decisions: whether a caller meets a rule, and if not, what is missing. No I/O.

use chrono::TimeDelta;
use hallpass_data::now;

use super::rule::Rule;
use super::subject::{ResourceAttributes, Subject};
use crate::code;
use hallpass_identity::{Caller, CallerKind};

/// Kind of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// No caller is signed in. Takes precedence.
    SignIn,
    /// The caller needs step-up authentication.
    Reauthentication,
    /// The caller lacks a right.
    Right,
}

/// A denial, with the unmet requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Name of the rule.
    pub rule: String,
    /// Kind of the denial.
    pub reason: DenialReason,
    /// Unmet requirements of the rule.
    pub missing: Vec<String>,
    /// Missing OAuth scopes of the caller's client.
    pub scopes: Vec<String>,
}

impl Denial {
    /// The error code. Signing in takes precedence over other missing requirements.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.reason {
            DenialReason::SignIn => code::UNAUTHENTICATED,
            DenialReason::Reauthentication => code::REAUTHENTICATION_REQUIRED,
            DenialReason::Right => code::FORBIDDEN,
        }
    }

    /// All unmet requirements and missing scopes: `extensions.missing`.
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        self.missing.iter().cloned().chain(self.scopes.iter().map(|it| scope_name(it))).collect()
    }

    /// The rule and the missing scopes, as stored in the audit log.
    #[must_use]
    pub fn audit_rule(&self) -> String {
        let scopes = self.scopes.iter().map(|it| scope_name(it));
        std::iter::once(self.rule.clone()).chain(scopes).collect::<Vec<_>>().join(" and ")
    }
}

/// A scope, as named in denials.
fn scope_name(scope: &str) -> String {
    format!("SCOPE({scope})")
}

/// One requirement of a rule, and whether it is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The requirement.
    pub rule: Rule,
    /// Whether it is met.
    pub met: bool,
}

/// How to evaluate rules on the last validation at the auth server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freshness {
    /// By its time.
    Actual,
    /// As if the caller had just been validated.
    Assumed,
}

impl Rule {
    /// Decides whether `subject` may use a field of a row with these `attributes`.
    ///
    /// # Errors
    /// The denial.
    pub fn decide(
        self,
        subject: Subject<'_>,
        attributes: ResourceAttributes<'_>,
    ) -> Result<(), Denial> {
        if self.is_met(subject, attributes, Freshness::Actual) {
            return Ok(());
        }
        let reason = match subject.caller {
            None => DenialReason::SignIn,
            Some(_) if self.is_met(subject, attributes, Freshness::Assumed) => {
                DenialReason::Reauthentication
            }
            Some(_) => DenialReason::Right,
        };
        let mut missing = Vec::new();
        self.unmet_requirements(subject, attributes, &mut missing);
        Err(Denial { rule: self.name(), reason, missing, scopes: Vec::new() })
    }

    /// Whether [`decide`](Self::decide) allows it, without the cost of a denial.
    #[must_use]
    pub(super) fn allows(self, subject: Subject<'_>, attributes: ResourceAttributes<'_>) -> bool {
        self.is_met(subject, attributes, Freshness::Actual)
    }

    /// The denial when the statement found no row, for example because another user owns it.
    #[must_use]
    pub fn denial(self, subject: Subject<'_>) -> Denial {
        let reason =
            if subject.caller.is_none() { DenialReason::SignIn } else { DenialReason::Right };
        Denial { rule: self.name(), reason, missing: vec![self.name()], scopes: Vec::new() }
    }

    /// All requirements of the rule, and whether they are met.
    #[must_use]
    pub fn reasons(self, subject: Subject<'_>, attributes: ResourceAttributes<'_>) -> Vec<Reason> {
        match self.conjuncts() {
            [] => vec![Reason {
                rule: self,
                met: self.is_met(subject, attributes, Freshness::Actual),
            }],
            parts => parts.iter().flat_map(|part| part.reasons(subject, attributes)).collect(),
        }
    }

    /// Whether `subject` could meet the rule with another row, tier or credential, or by signing in. Fields with
    /// unreachable rules are not in the schema that the caller sees.
    #[must_use]
    pub fn is_reachable(self, subject: Subject<'_>) -> bool {
        match self {
            Self::Role(_) | Self::Permission(_) | Self::Service => {
                self.is_met(subject, ResourceAttributes::default(), Freshness::Assumed)
            }
            Self::AnyOf(rules) => rules.iter().any(|rule| rule.is_reachable(subject)),
            Self::AllOf(rules) => rules.iter().all(|rule| rule.is_reachable(subject)),
            Self::Public
            | Self::SignedIn
            | Self::Tier(_)
            | Self::RowTier
            | Self::Owner
            | Self::Fresh(_)
            | Self::FreshForTopTier(_)
            | Self::NotImpersonated
            | Self::NotAnonymous
            | Self::Custom(_) => true,
        }
    }

    fn is_met(
        self,
        subject: Subject<'_>,
        attributes: ResourceAttributes<'_>,
        freshness: Freshness,
    ) -> bool {
        let Subject { caller, policy } = subject;
        let is_fresh = |seconds| freshness == Freshness::Assumed || is_fresh(caller, seconds);
        let tier = || caller.map_or(policy.tiers.lowest(), Caller::tier);
        match self {
            Self::Public => true,
            Self::SignedIn => is_user(caller),
            Self::Service => caller.is_some_and(|caller| caller.kind() == CallerKind::Service),
            Self::Role(role) => caller.is_some_and(|caller| {
                caller.roles().iter().any(|held| policy.roles.implies(held, role))
            }),
            Self::Permission(permission) => {
                caller.is_some_and(|caller| caller.permissions().contains(permission))
            }
            Self::Tier(required) => policy.tiers.reach(tier(), required),
            Self::RowTier => attributes
                .required_tier
                .is_some_and(|required| policy.tiers.reach(tier(), required)),
            Self::Owner => is_user(caller) && attributes.is_owner,
            Self::Fresh(seconds) => is_fresh(seconds),
            Self::FreshForTopTier(seconds) => {
                attributes.required_tier.is_some_and(|tier| !policy.tiers.is_top(tier))
                    || is_fresh(seconds)
            }
            Self::NotImpersonated => {
                caller.is_some_and(|caller| caller.impersonated_by().is_none())
            }
            Self::NotAnonymous => caller.is_some_and(|caller| !caller.is_anonymous()),
            Self::AnyOf(rules) => {
                rules.iter().any(|rule| rule.is_met(subject, attributes, freshness))
            }
            Self::AllOf(rules) => {
                rules.iter().all(|rule| rule.is_met(subject, attributes, freshness))
            }
            Self::Custom(rule) => (rule.decide)(subject, attributes),
        }
    }

    fn unmet_requirements(
        self,
        subject: Subject<'_>,
        attributes: ResourceAttributes<'_>,
        missing: &mut Vec<String>,
    ) {
        if self.is_met(subject, attributes, Freshness::Actual) {
            return;
        }
        if let Self::AllOf(rules) = self {
            rules.iter().for_each(|rule| rule.unmet_requirements(subject, attributes, missing));
        } else if let (Self::RowTier, Some(tier)) = (self, attributes.required_tier) {
            missing.push(format!("TIER({tier})"));
        } else {
            missing.push(self.name());
        }
    }
}

fn is_user(caller: Option<&Caller>) -> bool {
    caller.is_some_and(|caller| caller.kind() == CallerKind::User)
}

fn is_fresh(caller: Option<&Caller>, seconds: u32) -> bool {
    let earliest = now() - TimeDelta::seconds(seconds.into());
    caller.is_some_and(|caller| caller.confirmed_at() >= earliest)
}
