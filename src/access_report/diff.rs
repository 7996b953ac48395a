//! How one table of access differs from another: what was widened, and what was narrowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::matrix::{OPEN, Row, Table};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessChange {
    /// The field, or the setting.
    place: String,
    required_tier: Option<String>,
    what: ChangeKind,
    before: String,
    after: String,
}

/// What is another than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChangeKind {
    /// What a setting adds.
    Setting,
    /// The rule that the field states.
    Rule,
    /// The scopes that the field asks for.
    Scope,
    /// What this kind of caller gets.
    Cell(String),
}

/// What a field that is not there answers.
const NO_FIELD: &str = "no such field";
/// What a field states that is open to every caller who reaches its object.
const NO_RULE: &str = "no rule";
/// What a field states that asks an OAuth client for no scope.
const NO_SCOPE: &str = "no scope";
/// What a setting adds that adds nothing.
const NOTHING: &str = "nothing";

impl AccessChange {
    /// Every setting, rule and cell that is another than before, in order. Both tables tell of the same kinds
    /// of callers.
    #[must_use]
    pub fn between(old: &Table, new: &Table) -> Vec<Self> {
        let stated = rules(old, new).chain(scopes(old, new));
        let mut changes = settings(old, new).chain(stated).collect::<BTreeSet<_>>();
        for (field, required_tier) in places(old).union(&places(new)) {
            for caller in new.callers.keys() {
                let before = answer(old, field, required_tier.as_deref(), caller);
                let after = answer(new, field, required_tier.as_deref(), caller);
                if before != after {
                    changes.insert(Self {
                        place: field.clone(),
                        required_tier: required_tier.clone(),
                        what: ChangeKind::Cell(caller.clone()),
                        before: before.to_owned(),
                        after: after.to_owned(),
                    });
                }
            }
        }
        changes.into_iter().collect()
    }

    fn of(place: &str, what: ChangeKind, before: &str, after: &str) -> Self {
        let (before, after) = (before.to_owned(), after.to_owned());
        Self { place: place.to_owned(), required_tier: None, what, before, after }
    }

    /// Whether any caller may do more than before. A rule or a scope that is another counts, unless it asks for
    /// all that it asked for: the kinds of callers do not show everything that a rule tells apart.
    #[must_use]
    pub fn is_widening(&self) -> bool {
        match self.what {
            ChangeKind::Cell(_) => self.after == OPEN,
            ChangeKind::Setting => self.after != NOTHING,
            ChangeKind::Scope => {
                let mut before = self.before.split(' ').filter(|_| self.before != NO_SCOPE);
                !before.all(|scope| self.after.split(' ').any(|after| after == scope))
            }
            ChangeKind::Rule => {
                let after = parts(&self.after);
                let still_asked = |part: &&str| after.iter().any(|new| asks(new, part));
                !parts(&self.before).iter().all(still_asked)
            }
        }
    }

    fn is_narrowing(&self) -> bool {
        let is_cell = matches!(self.what, ChangeKind::Cell(_));
        !self.is_widening() && (self.before == OPEN || !is_cell)
    }
}

impl fmt::Display for AccessChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, required_tier, what, before, after } = self;
        let how = match (self.is_widening(), self.is_narrowing()) {
            (true, _) => "widened ",
            (false, true) => "narrowed",
            (false, false) => "changed ",
        };
        let tier = match required_tier {
            Some(tier) => format!(", requiredTier {tier}"),
            None => String::new(),
        };
        let what = match what {
            ChangeKind::Setting => "the setting".to_owned(),
            ChangeKind::Rule => "the rule".to_owned(),
            ChangeKind::Scope => "the scope".to_owned(),
            ChangeKind::Cell(caller) => format!("as {caller}"),
        };
        write!(f, "{how} {place}{tier}, {what}: {before} -> {after}")
    }
}

/// What settings add now, and what they added before.
fn settings<'a>(old: &'a Table, new: &'a Table) -> impl Iterator<Item = AccessChange> + 'a {
    let added = lacking(new, old)
        .map(|(name, it)| AccessChange::of(name, ChangeKind::Setting, NOTHING, it));
    let gone = lacking(old, new)
        .map(|(name, it)| AccessChange::of(name, ChangeKind::Setting, it, NOTHING));
    added.chain(gone)
}

/// What `table` has of settings, and `other` has not.
fn lacking<'a>(table: &'a Table, other: &'a Table) -> impl Iterator<Item = (&'a str, &'a str)> {
    table.settings.iter().flat_map(|(name, adds)| {
        let known = other.settings.get(name);
        let lacking = adds.iter().filter(move |it| !known.is_some_and(|known| known.contains(*it)));
        lacking.map(|it| (name.as_str(), it.as_str()))
    })
}

/// The rules that are others than before, of fields that were there and are.
fn rules(old: &Table, new: &Table) -> impl Iterator<Item = AccessChange> {
    let (before, after) = (stated(old), stated(new));
    after.into_iter().filter_map(move |(field, rule)| {
        let old = before.get(&field).filter(|old| **old != rule)?;
        Some(AccessChange::of(&field, ChangeKind::Rule, old, &rule))
    })
}

/// The scopes that are others than before, of fields that were there and are.
fn scopes(old: &Table, new: &Table) -> impl Iterator<Item = AccessChange> {
    let (before, after) = (asked(old), asked(new));
    after.into_iter().filter_map(move |(field, scope)| {
        let old = before.get(&field).filter(|old| **old != scope)?;
        Some(AccessChange::of(&field, ChangeKind::Scope, old, &scope))
    })
}

/// Every field, and the scopes that it asks for.
fn asked(table: &Table) -> BTreeMap<String, String> {
    let none = || NO_SCOPE.to_owned();
    let asked = |row: &Row| (row.field.clone(), row.scope.clone().unwrap_or_else(none));
    open(table).map(|field| (field, none())).chain(table.rows.iter().map(asked)).collect()
}

/// Every field, and the rule that it states.
fn stated(table: &Table) -> BTreeMap<String, String> {
    let rules = table.rows.iter().map(|row| (row.field.clone(), row.rule.clone()));
    open(table).map(|field| (field, NO_RULE.to_owned())).chain(rules).collect()
}

/// What a rule asks for, all of it: its parts between ` and `, where they stand in no brackets.
fn parts(rule: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts_of) = (0_usize, 0, Vec::new());
    for (at, letter) in rule.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && rule[at..].starts_with(" or ") => return vec![rule],
            ' ' if depth == 0 && rule[at..].starts_with(" and ") => {
                parts_of.push(&rule[from..at]);
                from = at + " and ".len();
            }
            _ => {}
        }
    }
    if from > 0 {
        parts_of.push(&rule[from..]);
        return parts_of.into_iter().flat_map(parts).collect();
    }
    match rule.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inside) => parts(inside),
        None if [NO_RULE, "PUBLIC"].contains(&rule) => Vec::new(),
        None => vec![rule],
    }
}

/// Whether `new` asks for all that `old` asked for: it is the same, or a confirmation as late or later.
fn asks(new: &str, old: &str) -> bool {
    let seconds = |part: &str, name: &str| -> Option<u32> {
        part.strip_prefix(name)?.strip_suffix("s)")?.parse().ok()
    };
    let always = |part| seconds(part, "FRESH(");
    let for_top = |part| seconds(part, "FRESH_FOR_TOP_TIER(");
    let is_as_strict =
        |new: Option<u32>, old: Option<u32>| new.zip(old).is_some_and(|(new, old)| new <= old);
    new == old
        || is_as_strict(always(new), always(old).or(for_top(old)))
        || is_as_strict(for_top(new), for_top(old))
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

/// What `caller` gets. A table that does not tell the tiers of a field apart says the same for each; asked
/// of all tiers at once, one that does lets in whom it lets in everywhere.
fn answer<'a>(table: &'a Table, field: &str, tier: Option<&str>, caller: &str) -> &'a str {
    let of_field = table.rows.iter().filter(|row| row.field == field);
    let fitting = of_field.filter(|row| {
        tier.is_none() || row.required_tier.is_none() || row.required_tier.as_deref() == tier
    });
    let cells = fitting.flat_map(|row| &row.cells).filter(|cell| cell.caller == caller);
    let answers = cells.map(|cell| cell.answer.as_str()).collect::<Vec<_>>();
    let refused = answers.iter().copied().find(|answer| *answer != OPEN);
    let is_open = || open(table).any(|open| open == field);
    match (refused, answers.first()) {
        (Some(refused), _) => refused,
        (None, Some(_)) => OPEN,
        (None, None) if is_open() => OPEN,
        (None, None) => NO_FIELD,
    }
}
