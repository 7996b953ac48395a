//! Whether a change of a rule widens access: every combination of caller and row that the old or new rule
//! distinguishes is decided by the server's own code.

use std::collections::BTreeSet;
use std::time::Duration;

use super::rule_tree::RuleTree;
use crate::access::{Demand, Policy, ResourceAttributes, Rule, Subject};
use hallpass_identity::{Caller, CallerProfile, ProfileKind};

/// More combinations of a caller and a row than these are not enumerated: as many as sixteen attributes make that
/// are present or absent.
pub const MAX_COMBINATIONS: usize = 1 << 16;

/// What a field demands, and under which settings: before a change, or after it.
#[derive(Clone, Copy)]
pub(super) struct FieldAccess<'a> {
    /// The rule; none if there is no such field.
    pub(super) rule: Option<Rule>,
    /// The scopes. Those of the requested object, `{type}:read`, are compared as one scope with that name.
    pub(super) scope: Option<&'a str>,
    /// Tiers and roles.
    pub(super) policy: &'a Policy,
    /// The OAuth clients that need no scopes.
    pub(super) full_clients: &'a [String],
}

/// How two states of a field differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    /// The simplest caller who is allowed, and was rejected.
    pub(super) widened_for: Option<Counterexample>,
    /// Whether a caller is rejected who was allowed.
    pub(super) is_narrowed: bool,
}

/// A caller whom a field rejected and allows now, and the kind of row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The caller.
    pub caller: CallerProfile,
    /// Whether the caller owns the row.
    pub is_owner: bool,
    /// The tier that the row requires.
    pub required_tier: Option<String>,
}

/// A field whose rules distinguish more callers and rows than [`MAX_COMBINATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooManyCombinations;

/// Compares two states of a field, for every caller and row.
#[expect(clippy::disallowed_methods, reason = "a report evaluates rules for a described caller")]
pub(super) fn compare(
    old: &FieldAccess<'_>,
    new: &FieldAccess<'_>,
) -> Result<Comparison, TooManyCombinations> {
    let (old, new) = (&old.comparable(), &new.comparable());
    let parts = RuleParts::of(old, new);
    let (profiles, rows) = (profiles(old, new, &parts)?, rows(old.policy, new.policy, &parts));
    if profiles.len().saturating_mul(rows.len()) > MAX_COMBINATIONS {
        return Err(TooManyCombinations);
    }
    let (old_scope, new_scope) = (old.comparable_scope(), new.comparable_scope());
    let mut comparison = Comparison { widened_for: None, is_narrowed: false };
    let mut least = usize::MAX;
    for profile in &profiles {
        let before = profile.caller(&old.policy.tiers, old.full_clients);
        let after = profile.caller(&new.policy.tiers, new.full_clients);
        for row in &rows {
            let was_allowed = old.allows(before.as_caller(), *row, old_scope.as_deref());
            let is_allowed = new.allows(after.as_caller(), *row, new_scope.as_deref());
            comparison.is_narrowed |= was_allowed && !is_allowed;
            let weight = profile.weight()
                + usize::from(row.is_owner)
                + usize::from(row.required_tier.is_some());
            if is_allowed && !was_allowed && weight < least {
                least = weight;
                comparison.widened_for = Some(Counterexample {
                    caller: profile.clone(),
                    is_owner: row.is_owner,
                    required_tier: row.required_tier.map(str::to_owned),
                });
            }
        }
    }
    Ok(comparison)
}

impl FieldAccess<'_> {
    /// The same, with a rule that can be decided for every caller.
    fn comparable(&self) -> Self {
        let decidable = |rule| RuleTree::from(rule).with_permissions_for_custom().leak();
        Self { rule: self.rule.map(decidable), ..*self }
    }

    /// The scopes to decide with. A leading space makes the decision check `{type}:read` too, which it otherwise
    /// leaves to the resolver: removing it from a field demands less.
    fn comparable_scope(&self) -> Option<String> {
        self.scope.map(|scope| format!(" {scope}"))
    }

    fn allows(
        &self,
        caller: Option<&Caller>,
        row: ResourceAttributes<'_>,
        scope: Option<&str>,
    ) -> bool {
        let subject = Subject { caller, policy: self.policy };
        self.rule.is_some_and(|rule| Demand { rule, scope }.decide(subject, row).is_ok())
    }

    fn roles(&self) -> BTreeSet<&'static str> {
        let mut parts = RuleParts::default();
        self.rule.into_iter().for_each(|rule| parts.add(rule));
        parts.roles
    }

    fn scopes(&self) -> BTreeSet<&str> {
        self.scope.unwrap_or_default().split_ascii_whitespace().collect()
    }

    fn is_full(&self, client: &str) -> bool {
        self.full_clients.iter().any(|full| full == "*" || full == client)
    }
}

/// What rules distinguish.
#[derive(Default)]
struct RuleParts {
    roles: BTreeSet<&'static str>,
    permissions: BTreeSet<String>,
    /// How many seconds old a confirmation may be.
    ages: BTreeSet<u32>,
    has_tier: bool,
    has_row_tier: bool,
    has_owner: bool,
    has_impersonation: bool,
    has_guest_user: bool,
}

impl RuleParts {
    fn of(old: &FieldAccess<'_>, new: &FieldAccess<'_>) -> Self {
        let mut parts = Self::default();
        [old.rule, new.rule].into_iter().flatten().for_each(|rule| parts.add(rule));
        parts
    }

    /// Each kind of rule is named: the compiler requires that a new one is enumerated too.
    fn add(&mut self, rule: Rule) {
        match rule {
            // Of every field, these kinds of caller are distinguished.
            Rule::Public | Rule::SignedIn | Rule::Service => {}
            // A permission stands for it: see `FieldAccess::comparable`.
            Rule::Custom(_) => {}
            Rule::Role(role) => self.roles.extend([role]),
            Rule::Permission(permission) => self.permissions.extend([permission.to_owned()]),
            Rule::Tier(_) => self.has_tier = true,
            Rule::RowTier => (self.has_tier, self.has_row_tier) = (true, true),
            Rule::Owner => self.has_owner = true,
            Rule::Fresh(seconds) => self.ages.extend([seconds]),
            Rule::FreshForTopTier(seconds) => {
                self.ages.insert(seconds);
                self.has_row_tier = true;
            }
            Rule::NotImpersonated => self.has_impersonation = true,
            Rule::NotAnonymous => self.has_guest_user = true,
            Rule::AnyOf(rules) | Rule::AllOf(rules) => rules.iter().for_each(|it| self.add(*it)),
        }
    }
}

/// Every caller whom the rules, the scopes or the settings distinguish from another.
fn profiles(
    old: &FieldAccess<'_>,
    new: &FieldAccess<'_>,
    parts: &RuleParts,
) -> Result<Vec<CallerProfile>, TooManyCombinations> {
    let mut kinds = vec![ProfileKind::Anonymous, ProfileKind::User, ProfileKind::Service];
    kinds.extend(parts.has_guest_user.then_some(ProfileKind::GuestUser));
    let permissions = parts.permissions.iter().cloned().collect::<Vec<_>>();
    let tiers = if parts.has_tier { tiers(old.policy, new.policy) } else { vec![None] };
    let mut all = vec![CallerProfile::default()];
    vary(&mut all, &kinds, |profile, kind| profile.kind = Some(*kind))?;
    vary(&mut all, &subsets(&roles(old, new))?, |profile, roles| profile.roles.clone_from(roles))?;
    vary(&mut all, &subsets(&permissions)?, |profile, permissions| {
        profile.permissions.clone_from(permissions);
    })?;
    vary(&mut all, &tiers, |profile, tier| profile.tier.clone_from(tier))?;
    vary(&mut all, &ages(&parts.ages), |profile, age| profile.confirmed_ago = *age)?;
    vary(&mut all, with_and_without(parts.has_impersonation), |profile, is| {
        profile.impersonated = *is;
    })?;
    vary(&mut all, &clients(old, new), |profile, (client, scopes)| {
        profile.client.clone_from(client);
        profile.scopes.clone_from(scopes);
    })?;
    Ok(all)
}

/// The values of an attribute, if it is distinguished.
fn with_and_without(is_distinguished: bool) -> &'static [bool] {
    if is_distinguished { &[false, true] } else { &[false] }
}

/// Each profile with each value, without those that cannot exist.
fn vary<T>(
    profiles: &mut Vec<CallerProfile>,
    values: &[T],
    set: fn(&mut CallerProfile, &T),
) -> Result<(), TooManyCombinations> {
    if profiles.len().saturating_mul(values.len()) > MAX_COMBINATIONS {
        return Err(TooManyCombinations);
    }
    let with = |profile: &CallerProfile, value: &T| {
        let mut profile = profile.clone();
        set(&mut profile, value);
        profile
    };
    let varied = profiles.iter().flat_map(|it| values.iter().map(move |value| with(it, value)));
    *profiles = varied.filter(|profile| profile.check().is_ok()).collect();
    Ok(())
}

/// Every subset, the empty one first.
fn subsets(words: &[String]) -> Result<Vec<Vec<String>>, TooManyCombinations> {
    let mut all = vec![Vec::new()];
    for word in words {
        if all.len() > MAX_COMBINATIONS / 2 {
            return Err(TooManyCombinations);
        }
        let with = |subset: &Vec<String>| [subset.as_slice(), std::slice::from_ref(word)].concat();
        all.extend(all.iter().map(with).collect::<Vec<_>>());
    }
    Ok(all)
}

/// The roles to enumerate: one of each set of roles that imply the same roles of both rules, preferably one that a
/// rule names. Those that imply the fewest come first.
fn roles(old: &FieldAccess<'_>, new: &FieldAccess<'_>) -> Vec<String> {
    let (before, after) = (old.roles(), new.roles());
    let inherits = [old, new].into_iter().flat_map(|side| side.policy.roles.pairs());
    let named = before.iter().chain(&after).copied();
    let candidates = named.chain(inherits.map(|(above, _)| above));
    let implied = |held: &str| {
        let before = before.iter().map(|role| old.policy.roles.implies(held, role));
        before.chain(after.iter().map(|role| new.policy.roles.implies(held, role))).collect()
    };
    let mut roles = Vec::<(Vec<bool>, String)>::new();
    for role in candidates {
        let implied: Vec<bool> = implied(role);
        if implied.contains(&true) && !roles.iter().any(|(known, _)| *known == implied) {
            roles.push((implied, role.to_owned()));
        }
    }
    roles.sort_by_key(|(implied, _)| implied.iter().filter(|it| **it).count());
    roles.into_iter().map(|(_, role)| role).collect()
}

/// The tiers that decide, and none. Callers whose tier is the lowest before and after are like those without one.
fn tiers(old: &Policy, new: &Policy) -> Vec<Option<String>> {
    let (before, after) = (&old.tiers, &new.tiers);
    let is_lowest = |tier: &str| {
        before.counted_as(tier) == before.lowest() && after.counted_as(tier) == after.lowest()
    };
    let named = after.names().iter().chain(before.names()).filter(|tier| !is_lowest(tier));
    let mut seen = BTreeSet::new();
    let named = named.filter(|tier| seen.insert(*tier)).cloned();
    std::iter::once(None).chain(named.map(Some)).collect()
}

/// How long ago the auth server confirmed the caller: longer than any rule accepts, and for each limit as long as
/// meets it and no shorter one. Not on the limits themselves: a decision takes time.
fn ages(limits: &BTreeSet<u32>) -> Vec<Option<Duration>> {
    let mut shorter = None;
    let mut ages = vec![None];
    for limit in limits.iter().copied().filter(|seconds| *seconds > 0) {
        let whole = Duration::from_secs(u64::from(limit - 1));
        let is_met_by_shorter = shorter == Some(limit - 1);
        ages.push(Some(if is_met_by_shorter { whole + Duration::from_millis(500) } else { whole }));
        shorter = Some(limit);
    }
    ages
}

/// The OAuth clients that decide, with the scopes of their tokens, and none.
fn clients(old: &FieldAccess<'_>, new: &FieldAccess<'_>) -> Vec<(Option<String>, Vec<String>)> {
    let (before, after) = (old.scopes(), new.scopes());
    let mut clients = vec![(None, Vec::new())];
    if before.is_empty() && after.is_empty() {
        return clients;
    }
    // Of the scopes that the same side demands, one that is missing is like all that are.
    let words = |words: BTreeSet<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let parts = [&before & &after, &before - &after, &after - &before].map(words);
    let mut granted = vec![Vec::new()];
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let with = granted.iter().map(|it: &Vec<String>| [it.as_slice(), &part].concat());
        granted.extend(with.collect::<Vec<_>>());
    }
    let listed = [old.full_clients, new.full_clients].concat();
    let other = (1..).map(|number| format!("client-{number}")).find(|id| !listed.contains(id));
    let mut known = vec![(true, true)];
    for id in other.into_iter().chain(listed.iter().filter(|id| *id != "*").cloned()) {
        let is_full = (old.is_full(&id), new.is_full(&id));
        if !known.contains(&is_full) {
            known.push(is_full);
            clients.extend(granted.iter().map(|scopes| (Some(id.clone()), scopes.clone())));
        }
    }
    clients
}

/// A tier that is not configured (a row may still require it).
const UNKNOWN_TIER: &str = "(not configured)";

/// Every row that the rules distinguish from another.
fn rows<'a>(old: &'a Policy, new: &'a Policy, parts: &RuleParts) -> Vec<ResourceAttributes<'a>> {
    let owner = with_and_without(parts.has_owner);
    let mut required = vec![None];
    if parts.has_row_tier {
        let tiers = [new, old].into_iter().flat_map(|policy| policy.tiers.names());
        let mut seen = BTreeSet::new();
        required.extend(tiers.filter(|tier| seen.insert(*tier)).map(|it| Some(it.as_str())));
        required.push(Some(UNKNOWN_TIER));
    }
    let row = |required_tier| {
        owner.iter().map(move |is_owner| ResourceAttributes { is_owner: *is_owner, required_tier })
    };
    required.into_iter().flat_map(row).collect()
}

impl Counterexample {
    /// The kind of row, as a part of a sentence; empty if each row will do.
    #[must_use]
    pub fn row(&self) -> String {
        let tier = self.required_tier.as_ref().map(|tier| format!(", requiredTier {tier}"));
        format!("{}{}", if self.is_owner { ", own row" } else { "" }, tier.unwrap_or_default())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a report evaluates rules for a described caller")]
mod tests;
