//! Differences between two access tables: what was widened, and what was narrowed.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::BaselineError;
use super::matrix::{OPEN, Table};
use super::widening::{
    Comparison, Counterexample, FieldAccess, MAX_COMBINATIONS, TooManyCombinations, compare,
};
use crate::access::{Policy, Rule};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChange {
    /// The field, or the setting.
    place: String,
    required_tier: Option<String>,
    what: ChangeKind,
    before: String,
    after: String,
    effect: Effect,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChangeKind {
    /// What a setting adds.
    Setting,
    /// The rule of the field.
    Rule,
    /// The scopes of the field.
    Scope,
    /// Both.
    RuleAndScope,
    /// What the rule of the field means under the settings.
    UnderSettings,
    /// What this kind of caller gets.
    Cell(String),
}

/// What the difference does to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    /// A caller is allowed more; such a caller, where the difference is one of rules.
    Widened(Option<Counterexample>),
    /// No caller is allowed more, and one less.
    Narrowed,
    /// Each caller is allowed what they were.
    Unchanged,
    /// The rules distinguish too many callers to decide.
    Undecided,
}

/// Shown for a nonexistent field.
const NO_FIELD: &str = "no such field";
/// Shown for a field without a rule.
const NO_RULE: &str = "no rule";
/// Shown for a field without a scope.
const NO_SCOPE: &str = "no scope";
/// Shown for a setting that adds nothing.
const NOTHING: &str = "nothing";
/// The setting with the OAuth clients that need no scopes.
const FULL_CLIENTS: &str = "OAUTH_FULL_CLIENTS";

impl AccessChange {
    /// Every changed setting, rule and cell, in order. Both tables are about the same kinds of
    /// callers; rules are compared for every caller.
    ///
    /// # Errors
    /// When the settings of a table are not those that a server accepts.
    pub fn between(old: &Table, new: &Table) -> Result<Vec<Self>, BaselineError> {
        let mut changes = settings(old, new).collect::<Vec<_>>();
        changes.extend(cells(old, new));
        changes.extend(demands(&State::of(old)?, &State::of(new)?));
        let key = |it: &Self| (it.place.clone(), it.required_tier.clone(), it.what.clone());
        changes.sort_by_cached_key(|it| (key(it), it.before.clone(), it.after.clone()));
        Ok(changes)
    }

    fn of(place: &str, what: ChangeKind, before: &str, after: &str, effect: Effect) -> Self {
        let (before, after) = (before.to_owned(), after.to_owned());
        Self { place: place.to_owned(), required_tier: None, what, before, after, effect }
    }

    /// Whether a caller is allowed more than before, or may be: where that could not be decided.
    #[must_use]
    pub fn is_widening(&self) -> bool {
        matches!(self.effect, Effect::Widened(_) | Effect::Undecided)
    }

    /// Whether the rules distinguish too many callers to decide.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        self.effect == Effect::Undecided
    }

    /// A caller who was rejected and is allowed, where rules differ.
    #[must_use]
    pub fn counterexample(&self) -> Option<&Counterexample> {
        match &self.effect {
            Effect::Widened(counterexample) => counterexample.as_ref(),
            Effect::Narrowed | Effect::Unchanged | Effect::Undecided => None,
        }
    }
}

impl AccessChange {
    /// The change in one line, with a command of the program of this name that shows it.
    #[must_use]
    pub fn describe(&self, program: &str) -> String {
        let Self { place, required_tier, what, before, after, effect } = self;
        let how = match effect {
            Effect::Widened(_) => "widened ",
            Effect::Narrowed => "narrowed",
            Effect::Unchanged => "changed ",
            Effect::Undecided => "undecided",
        };
        let tier = match required_tier {
            Some(tier) => format!(", requiredTier {tier}"),
            None => String::new(),
        };
        let what = match what {
            ChangeKind::Setting => "the setting".to_owned(),
            ChangeKind::Rule => "the rule".to_owned(),
            ChangeKind::Scope => "the scope".to_owned(),
            ChangeKind::RuleAndScope => "the rule and the scope".to_owned(),
            ChangeKind::UnderSettings => "the rule under the settings".to_owned(),
            ChangeKind::Cell(caller) => format!("as {caller}"),
        };
        let more = match effect {
            Effect::Widened(Some(example)) => format!(
                "; allowed now: `{program} explain {} {place}`{}",
                example.caller,
                example.row()
            ),
            Effect::Undecided => {
                format!("; more than {MAX_COMBINATIONS} combinations of caller and row")
            }
            Effect::Widened(None) | Effect::Narrowed | Effect::Unchanged => String::new(),
        };
        format!("{how} {place}{tier}, {what}: {before} -> {after}{more}")
    }
}

/// What settings add now, and what they added before. All that a setting adds allows callers more.
fn settings<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = AccessChange> + 'a {
    let added = lacking(new, old).map(|(name, it)| {
        AccessChange::of(name, ChangeKind::Setting, NOTHING, it, Effect::Widened(None))
    });
    let gone = lacking(old, new).map(|(name, it)| {
        AccessChange::of(name, ChangeKind::Setting, it, NOTHING, Effect::Narrowed)
    });
    added.chain(gone)
}

/// The entries of the settings of `table` that `other` lacks.
fn lacking<'a>(table: &'a Table, other: &'a Table) -> impl Iterator<Item = (&'a str, &'a str)> {
    table.settings.iter().flat_map(|(name, adds)| {
        let known = other.settings.get(name);
        let lacking = adds.iter().filter(move |it| !known.is_some_and(|known| known.contains(*it)));
        lacking.map(|it| (name.as_str(), it.as_str()))
    })
}

/// Kinds of callers with a different result.
fn cells(old: &Table, new: &Table) -> Vec<AccessChange> {
    let mut changes = Vec::new();
    for (field, required_tier) in places(old).union(&places(new)) {
        for caller in new.callers.keys() {
            let before = result(old, field, required_tier.as_deref(), caller);
            let after = result(new, field, required_tier.as_deref(), caller);
            let effect = match (before == OPEN, after == OPEN) {
                _ if before == after => continue,
                (_, true) => Effect::Widened(None),
                (true, false) => Effect::Narrowed,
                (false, false) => Effect::Unchanged,
            };
            let cell = ChangeKind::Cell(caller.clone());
            let change = AccessChange::of(field, cell, before, after, effect);
            changes.push(AccessChange { required_tier: required_tier.clone(), ..change });
        }
    }
    changes
}

/// What the fields of a table demand, and under which settings.
struct State<'a> {
    table: &'a Table,
    /// The rule, its name, and the scopes.
    fields: BTreeMap<String, (Rule, &'a str, Option<&'a str>)>,
    policy: Policy,
    full_clients: Vec<String>,
}

impl<'a> State<'a> {
    fn of(table: &'a Table) -> Result<Self, BaselineError> {
        let open = open(table).map(|field| (field, (Rule::Public, NO_RULE, None)));
        let ruled = table.rows.iter().map(|row| {
            (row.field.clone(), (row.rule_tree.leak(), row.rule.as_str(), row.scope.as_deref()))
        });
        let fields = open.chain(ruled).collect();
        let full_clients = table.settings.get(FULL_CLIENTS).into_iter().flatten().cloned();
        Ok(Self { table, fields, policy: table.policy()?, full_clients: full_clients.collect() })
    }

    fn has_settings_of(&self, other: &State<'_>) -> bool {
        let setting = |state: &State<'_>, name| state.table.settings.get(name).cloned();
        let are_equal = |name| setting(self, name) == setting(other, name);
        self.table.tiers == other.table.tiers
            && ["ROLE_INHERITS", FULL_CLIENTS].map(are_equal) == [true; 2]
    }

    fn field(&self, field: &str) -> FieldAccess<'_> {
        let demand = self.fields.get(field);
        FieldAccess {
            rule: demand.map(|(rule, ..)| *rule),
            scope: demand.and_then(|(.., scope)| *scope),
            policy: &self.policy,
            full_clients: &self.full_clients,
        }
    }

    /// The text of `field` for this kind of change.
    fn text(&self, field: &str, what: &ChangeKind) -> String {
        let Some((_, rule, scope)) = self.fields.get(field) else { return NO_FIELD.to_owned() };
        match what {
            ChangeKind::Scope => scope.unwrap_or(NO_SCOPE).to_owned(),
            ChangeKind::RuleAndScope => format!("{rule}, {}", scope.unwrap_or(NO_SCOPE)),
            ChangeKind::Rule | ChangeKind::UnderSettings => (*rule).to_owned(),
            ChangeKind::Setting | ChangeKind::Cell(_) => String::new(),
        }
    }
}

/// Fields with another rule or scope, or with another meaning under the settings.
fn demands(old: &State<'_>, new: &State<'_>) -> Vec<AccessChange> {
    let fields = old.fields.keys().chain(new.fields.keys()).collect::<BTreeSet<_>>();
    fields.into_iter().filter_map(|field| demand(field, old, new)).collect()
}

fn demand(field: &str, old: &State<'_>, new: &State<'_>) -> Option<AccessChange> {
    let (before, after) = (old.field(field), new.field(field));
    let what = match (before.rule == after.rule, before.scope == after.scope) {
        (true, true) if old.has_settings_of(new) => return None,
        (true, true) => ChangeKind::UnderSettings,
        (true, false) => ChangeKind::Scope,
        (false, false) if before.rule.is_some() && after.rule.is_some() => ChangeKind::RuleAndScope,
        (false, _) => ChangeKind::Rule,
    };
    let effect = match compare(&before, &after) {
        Ok(Comparison { widened_for: Some(caller), .. }) => Effect::Widened(Some(caller)),
        Ok(Comparison { is_narrowed: true, .. }) => Effect::Narrowed,
        Ok(Comparison { .. }) if what == ChangeKind::UnderSettings => return None,
        Ok(Comparison { .. }) => Effect::Unchanged,
        Err(TooManyCombinations) => Effect::Undecided,
    };
    let (before, after) = (old.text(field, &what), new.text(field, &what));
    Some(AccessChange::of(field, what, &before, &after, effect))
}

/// Every field of the table, for each tier that it distinguishes.
fn places(table: &Table) -> BTreeSet<(String, Option<String>)> {
    let ruled = table.rows.iter().map(|row| (row.field.clone(), row.required_tier.clone()));
    ruled.chain(open(table).map(|field| (field, None))).collect()
}

/// The fields that state no rule.
fn open(table: &Table) -> impl Iterator<Item = String> {
    table
        .open
        .iter()
        .flat_map(|(object, fields)| fields.iter().map(move |field| format!("{object}.{field}")))
}

/// The result for `caller`. A row without a tier applies to every tier; without `tier`, the result is `allowed` only if
/// it is for every tier.
fn result<'a>(table: &'a Table, field: &str, tier: Option<&str>, caller: &str) -> &'a str {
    let of_field = table.rows.iter().filter(|row| row.field == field);
    let fitting = of_field.filter(|row| {
        tier.is_none() || row.required_tier.is_none() || row.required_tier.as_deref() == tier
    });
    let cells = fitting.flat_map(|row| &row.cells).filter(|cell| cell.caller == caller);
    let results = cells.map(|cell| cell.answer.as_str()).collect::<Vec<_>>();
    let rejected = results.iter().copied().find(|result| *result != OPEN);
    let is_open = || open(table).any(|open| open == field);
    match (rejected, results.first()) {
        (Some(rejected), _) => rejected,
        (None, Some(_)) => OPEN,
        (None, None) if is_open() => OPEN,
        (None, None) => NO_FIELD,
    }
}
