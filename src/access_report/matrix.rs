//! The table of access: each field that states a rule, and what each kind of caller gets there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::registry::{MetaField, MetaType, Registry};
use serde::{Deserialize, Serialize};

use crate::access::{
    Denial, Policy, ROOT_TYPES, ResourceAttributes, Rule, Subject, demand_directive,
    rule_name_from_directive,
};
use crate::config::OwnershipDenial;
use crate::graphql::code;
use crate::identity::Caller;

/// The answer to a caller who is let in.
pub const OPEN: &str = "allowed";
/// The answer about a row that is another user's: as if it were not there.
pub const ABSENT: &str = code::NOT_FOUND;
/// The answer about a field that is not in the schema that a caller sees.
pub const HIDDEN: &str = code::GRAPHQL_VALIDATION_FAILED;

/// A kind of caller.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Who stands for it.
    pub caller: Option<Arc<Caller>>,
    /// Whether it owns the rows it looks at.
    pub is_owner: bool,
}

impl Column {
    /// What the rules see of them.
    fn described(&self) -> String {
        let Some(caller) = self.caller.as_deref() else { return "nobody signed in".to_owned() };
        let words = |words: &BTreeSet<String>| match words.is_empty() {
            true => "none".to_owned(),
            false => words.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        let (roles, tier) = (words(caller.roles()), caller.tier());
        let permissions = words(caller.permissions());
        let rest = match (self.is_owner, caller.impersonated_by()) {
            (true, _) => "; looks at a row of their own",
            (false, Some(_)) => "; somebody else acts as them",
            (false, None) => "",
        };
        format!("roles: {roles}; tier: {tier}; permissions: {permissions}{rest}")
    }
}

/// What one kind of caller gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Cell {
    /// The kind of caller.
    pub caller: String,
    /// [`OPEN`], or the code of the refusal.
    pub answer: String,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Row {
    /// `Type.field`.
    pub field: String,
    /// The rule's name.
    pub rule: String,
    /// The scopes that an OAuth client needs, where the field asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The tier that the row looked at asks for, where the rule asks about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_tier: Option<String>,
    /// What each kind of caller gets.
    pub cells: Vec<Cell>,
}

/// Who may use which field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Table {
    /// The fields that state a rule, by name.
    pub rows: Vec<Row>,
    /// Who stands for each kind of caller.
    pub callers: BTreeMap<String, String>,
    /// What settings add to what the rules say, by the name of the setting.
    pub settings: BTreeMap<String, BTreeSet<String>>,
    /// What each rule asks, by name.
    pub rules: BTreeMap<String, String>,
    /// What the root fields give, in the words of the schema.
    pub gives: BTreeMap<String, String>,
    /// The fields of each type that state no rule: open to every caller who reaches an object of it.
    pub open: BTreeMap<String, Vec<String>>,
}

/// A schema that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A root field says nothing of who may use it.
    #[error("{0} states no rule: state one, `Public` included")]
    Silent(String),
    /// A root field names no OAuth scope.
    #[error("{0} states no scope: state one")]
    Unscoped(String),
    /// A rule stands in the schema and nowhere else.
    #[error("{field} states {rule}, which is not listed in access::RULES")]
    Unknown {
        /// The field.
        field: String,
        /// The rule.
        rule: String,
    },
}

impl Table {
    /// The table of the schema with these `types`, for `columns`.
    ///
    /// # Errors
    /// When a root field states no rule, or a field states an unknown one.
    pub fn of(
        types: &Registry,
        columns: &[Column],
        policy: &Policy,
        denied: OwnershipDenial,
    ) -> Result<Self, TableError> {
        let mut table = Self {
            rows: Vec::new(),
            callers: columns.iter().map(|it| (it.name.clone(), it.described())).collect(),
            settings: settings(policy, denied),
            rules: BTreeMap::new(),
            gives: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        for (object, fields) in objects(types) {
            for field in fields {
                table.add(object, field, columns, policy)?;
            }
        }
        table.rows.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(table)
    }

    fn add(
        &mut self,
        object: &str,
        field: &MetaField,
        columns: &[Column],
        policy: &Policy,
    ) -> Result<(), TableError> {
        let place = format!("{object}.{}", field.name);
        let Some(name) = rule_name_from_directive(field) else {
            if ROOT_TYPES.contains(&object) {
                return Err(TableError::Silent(place));
            }
            self.open.entry(object.to_owned()).or_default().push(field.name.clone());
            return Ok(());
        };
        let Some(demand) = demand_directive(field) else {
            return Err(TableError::Unknown { field: place, rule: name.to_owned() });
        };
        if demand.scope.is_none() && ROOT_TYPES.contains(&object) {
            return Err(TableError::Unscoped(place));
        }
        let rule = demand.rule;
        self.rules.insert(rule.name(), rule.describe());
        if ROOT_TYPES.contains(&object) {
            let description = field.description.as_deref().unwrap_or_default();
            self.gives.insert(place.clone(), description.replace('\n', " "));
        }
        for required_tier in rule_tiers(rule, policy) {
            let is_mutation = object == "Mutation";
            let answer = |column| answer(rule, column, required_tier, is_mutation, policy);
            let cells = columns.iter().map(|column| Cell {
                caller: column.name.clone(),
                answer: answer(column).to_owned(),
            });
            self.rows.push(Row {
                field: place.clone(),
                rule: rule.name(),
                scope: demand.scope.map(str::to_owned),
                required_tier: required_tier.map(str::to_owned),
                cells: cells.collect(),
            });
        }
        Ok(())
    }

    /// The table as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::from(HEAD);
        for (name, who) in &self.callers {
            push_text(&mut text, format_args!("- `{name}`: {who}\n"));
        }
        text.push_str(SETTINGS);
        for (setting, adds) in &self.settings {
            let adds = match adds.is_empty() {
                true => "nothing".to_owned(),
                false => adds.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            push_text(&mut text, format_args!("- `{setting}`: {adds}\n"));
        }
        text.push('\n');
        self.push_rows(&mut text);
        text.push_str("\n## What the rules ask\n\n");
        push_line(&mut text, &["rule", "who"]);
        push_line(&mut text, &["---", "---"]);
        for (rule, sentence) in &self.rules {
            push_line(&mut text, &[&format!("`{rule}`"), sentence]);
        }
        text.push_str(GIVES);
        for (field, gives) in &self.gives {
            push_text(&mut text, format_args!("- `{field}`: {gives}\n"));
        }
        text.push_str(REST);
        for (object, fields) in &self.open {
            push_text(&mut text, format_args!("- `{object}`: {}\n", fields.join(", ")));
        }
        text
    }

    fn push_rows(&self, text: &mut String) {
        let mut names = vec!["field", "rule", "scope"];
        if let Some(row) = self.rows.first() {
            names.extend(row.cells.iter().map(|cell| cell.caller.as_str()));
        }
        push_line(text, &names);
        push_line(text, &vec!["---"; names.len()]);
        for row in &self.rows {
            let field = match &row.required_tier {
                Some(tier) => format!("`{}`, requiredTier {tier}", row.field),
                None => format!("`{}`", row.field),
            };
            let rule = format!("`{}`", row.rule);
            let scope = row.scope.as_ref().map(|scope| format!("`{scope}`")).unwrap_or_default();
            let mut line = vec![field.as_str(), rule.as_str(), scope.as_str()];
            line.extend(row.cells.iter().map(|cell| cell.answer.as_str()));
            push_line(text, &line);
        }
    }
}

const HEAD: &str = "\
# Who may use which field

Written by `hallpass access`, held to the running schema by a test. A cell says `allowed`, or the code of
the refusal. A cell is about the field: which rows come back stands below, and what is private of somebody
else's comes back to nobody (null, or left out of the list).

- `UNAUTHENTICATED`: sign in. `FORBIDDEN`: signed in, and the rule says no.
- `NOT_FOUND`: a mutation of another's row answers as if there were none (`OWNERSHIP_DENIAL=hide`).
- `GRAPHQL_VALIDATION_FAILED`: the schema that such callers see has no such field; it answers like one that
  was made up.
- The scope is what the access token of an OAuth client needs as well, unless `OAUTH_FULL_CLIENTS` names the
  client: without it, the answer is `FORBIDDEN`. `{type}:read` and `{action}` mean the scope of what is asked
  for; a field of an object without one asks for none but that of the root field that led there.
- `REAUTHENTICATION_REQUIRED` comes where a rule says FRESH and the caller was confirmed longer ago than
  that; those of the table were confirmed just now.

The columns are the personas of development (`hallpass token --as NAME`), each in front of somebody else's
row, and `owner`. It is roles, tiers and permissions that count, not names: an admin without a tier reads no
paid chapter, and whoever holds the permission that a rule names gets what its role gets. Whoever acts as
somebody (`impersonated`) gets on that person's rows what `owner` gets, but where a rule says
NOT_IMPERSONATED.

";

const SETTINGS: &str = "
What settings add: which role or tier counts as which other, and how another's row is denied.

";

const GIVES: &str = "
## What the root fields give

A rule says who may use a field; which rows come back, the field says itself. Nobody's rows are reached but
through their owner.

";

const REST: &str = "
## Open to whoever reaches the object

These fields state no rule of their own: whoever was given the object may read them.

";

/// Everything that a setting adds lets a caller do more, or learn more.
fn settings(policy: &Policy, denied: OwnershipDenial) -> BTreeMap<String, BTreeSet<String>> {
    let tiers = policy.tiers.names();
    let reach = |(at, tier): (usize, &String)| {
        tiers[..at].iter().map(|lower| format!("{tier} > {lower}")).collect::<Vec<_>>()
    };
    let tiers = tiers.iter().enumerate().flat_map(reach).collect();
    let roles = policy.roles.pairs().into_iter();
    let roles = roles.map(|(above, below)| format!("{above} > {below}")).collect();
    let told = match denied {
        OwnershipDenial::Hide => BTreeSet::from(["as absent".to_owned()]),
        OwnershipDenial::Forbid => {
            BTreeSet::from(["as absent".to_owned(), "as forbidden".to_owned()])
        }
    };
    let names = ["TIERS", "ROLE_INHERITS", "OWNERSHIP_DENIAL"].map(str::to_owned);
    names.into_iter().zip([tiers, roles, told]).collect()
}

fn push_text(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(line);
}

fn push_line(text: &mut String, cells: &[&str]) {
    push_text(text, format_args!("| {} |\n", cells.join(" | ")));
}

/// The object types and their fields; not those of introspection.
fn objects(types: &Registry) -> impl Iterator<Item = (&str, impl Iterator<Item = &MetaField>)> {
    types.types.values().filter_map(|kind| match kind {
        MetaType::Object { name, fields, .. } if !name.starts_with("__") => {
            Some((name.as_str(), fields.values().filter(|field| !field.name.starts_with("__"))))
        }
        MetaType::Object { .. }
        | MetaType::Scalar { .. }
        | MetaType::Interface { .. }
        | MetaType::Union { .. }
        | MetaType::Enum { .. }
        | MetaType::InputObject { .. } => None,
    })
}

/// A rule about the row's tier is shown once for each tier.
fn rule_tiers(rule: Rule, policy: &Policy) -> Vec<Option<&str>> {
    if rule.contains_rule(|rule| rule == Rule::RowTier) {
        return policy.tiers.names().iter().map(|tier| Some(tier.as_str())).collect();
    }
    vec![None]
}

fn answer(
    rule: Rule,
    column: &Column,
    required_tier: Option<&str>,
    is_mutation: bool,
    policy: &Policy,
) -> &'static str {
    let asker = Subject { caller: column.caller.as_deref(), policy };
    if !rule.is_reachable(asker) {
        return HIDDEN;
    }
    let guarded = ResourceAttributes { is_owner: is_mutation || column.is_owner, required_tier };
    match rule.decide(asker, guarded).as_ref().map_err(Denial::code) {
        Err(code) => code,
        Ok(()) if is_mutation => {
            let facts = ResourceAttributes { is_owner: column.is_owner, required_tier };
            rule.decide(asker, facts).map_or(ABSENT, |()| OPEN)
        }
        Ok(()) => OPEN,
    }
}
