//! How one table of access differs from another: what was widened, and what was narrowed.

use std::collections::BTreeSet;
use std::fmt;

use super::table::{OPEN, Table};

/// What one kind of caller gets at one field now, and got before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    field: String,
    required_tier: Option<String>,
    caller: String,
    before: String,
    after: String,
}

/// What a field that is not there answers.
const NONE: &str = "no such field";

impl Change {
    /// Every cell in which somebody may do more or less than before, in order. Kinds of callers that only
    /// one of the tables knows are not compared.
    #[must_use]
    pub fn between(old: &Table, new: &Table) -> Vec<Self> {
        let callers = callers(old).intersection(&callers(new)).cloned().collect::<Vec<_>>();
        let mut changes = BTreeSet::new();
        for (field, required_tier) in places(old).union(&places(new)) {
            for caller in &callers {
                let before = answer(old, field, required_tier.as_deref(), caller);
                let after = answer(new, field, required_tier.as_deref(), caller);
                if (before == OPEN) != (after == OPEN) {
                    changes.insert(Self {
                        field: field.clone(),
                        required_tier: required_tier.clone(),
                        caller: caller.clone(),
                        before: before.to_owned(),
                        after: after.to_owned(),
                    });
                }
            }
        }
        changes.into_iter().collect()
    }

    /// Whether somebody may do more than before.
    #[must_use]
    pub fn is_widening(&self) -> bool {
        self.after == OPEN
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, required_tier, caller, before, after } = self;
        let how = if self.is_widening() { "widened " } else { "narrowed" };
        let tier = match required_tier {
            Some(tier) => format!(", requiredTier {tier}"),
            None => String::new(),
        };
        write!(f, "{how} {field}{tier}, as {caller}: {before} -> {after}")
    }
}

fn callers(table: &Table) -> BTreeSet<String> {
    table.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.caller.clone()).collect()
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
