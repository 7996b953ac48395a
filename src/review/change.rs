//! How one table of access differs from another: what was widened, and what was narrowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::table::{OPEN, Table};

/// What one kind of caller gets at one field now, and got before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    field: String,
    required_tier: Option<String>,
    /// None where it is the rule that changed.
    caller: Option<String>,
    before: String,
    after: String,
}

/// What a field that is not there answers.
const NONE: &str = "no such field";

impl Change {
    /// Every cell that answers otherwise than before, and every rule that is another, in order. The kinds of
    /// callers are those of `new`: see [`callers`].
    #[must_use]
    pub fn between(old: &Table, new: &Table) -> Vec<Self> {
        let callers = callers(new);
        let mut changes = rules(old, new);
        for (field, required_tier) in places(old).union(&places(new)) {
            for caller in &callers {
                let before = answer(old, field, required_tier.as_deref(), caller);
                let after = answer(new, field, required_tier.as_deref(), caller);
                if before != after {
                    changes.insert(Self {
                        field: field.clone(),
                        required_tier: required_tier.clone(),
                        caller: Some(caller.clone()),
                        before: before.to_owned(),
                        after: after.to_owned(),
                    });
                }
            }
        }
        changes.into_iter().collect()
    }

    /// Whether somebody may do more than before. A rule that is another counts, unless it asks for all that it
    /// asked for: the kinds of callers do not show everything that a rule tells apart.
    #[must_use]
    pub fn is_widening(&self) -> bool {
        match self.caller.as_deref() {
            Some(_) => self.after == OPEN,
            None => !parts(&self.before).iter().all(|part| parts(&self.after).contains(part)),
        }
    }

    fn is_narrowing(&self) -> bool {
        !self.is_widening() && (self.before == OPEN || self.caller.is_none())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, required_tier, caller, before, after } = self;
        let how = match (self.is_widening(), self.is_narrowing()) {
            (true, _) => "widened ",
            (false, true) => "narrowed",
            (false, false) => "changed ",
        };
        let tier = match required_tier {
            Some(tier) => format!(", requiredTier {tier}"),
            None => String::new(),
        };
        let what = caller.as_ref().map_or("the rule".to_owned(), |caller| format!("as {caller}"));
        write!(f, "{how} {field}{tier}, {what}: {before} -> {after}")
    }
}

/// The kinds of callers that `table` tells of.
#[must_use]
pub fn callers(table: &Table) -> BTreeSet<String> {
    table.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.caller.clone()).collect()
}

/// The rules that are others than before.
fn rules(old: &Table, new: &Table) -> BTreeSet<Change> {
    let before = old.rows.iter().map(|row| (row.field.as_str(), row.rule.as_str()));
    let before = before.collect::<BTreeMap<_, _>>();
    let changed = new.rows.iter().filter_map(|row| {
        let before = before.get(row.field.as_str()).filter(|rule| **rule != row.rule)?;
        Some(Change {
            field: row.field.clone(),
            required_tier: None,
            caller: None,
            before: (*before).to_owned(),
            after: row.rule.clone(),
        })
    });
    changed.collect()
}

/// What a rule asks for, all of it: its parts between ` and `, where they stand in no brackets.
fn parts(rule: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, letter) in rule.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ' ' if depth == 0 && rule[at..].starts_with(" or ") => return vec![rule],
            ' ' if depth == 0 && rule[at..].starts_with(" and ") => {
                parts.push(&rule[from..at]);
                from = at + " and ".len();
            }
            _ => {}
        }
    }
    parts.push(&rule[from..]);
    parts
}

/// Every field of the table, for each tier that it distinguishes.
fn places(table: &Table) -> BTreeSet<(String, Option<String>)> {
    let ruled = table.rows.iter().map(|row| (row.field.clone(), row.required_tier.clone()));
    let open = table.open.iter().flat_map(|(object, fields)| {
        fields.iter().map(move |field| (format!("{object}.{field}"), None))
    });
    ruled.chain(open).collect()
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
    let is_open = table.open.iter().any(|(object, fields)| {
        field
            .strip_prefix(object.as_str())
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|name| fields.iter().any(|field| field == name))
    });
    match (refused, answers.first()) {
        (Some(refused), _) => refused,
        (None, Some(_)) => OPEN,
        (None, None) if is_open => OPEN,
        (None, None) => NONE,
    }
}
