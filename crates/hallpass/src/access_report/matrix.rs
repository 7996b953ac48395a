//! Access matrix (`access.md`): fields with a rule, by kind of caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::registry::{MetaField, MetaType, Registry};
use serde::{Deserialize, Serialize};

use super::rule_tree::RuleTree;
use crate::access::{
    Denial, Policy, ROOT_TYPES, ResourceAttributes, Rule, Subject, demand_directive,
    rule_name_from_directive,
};
use crate::code;
use crate::config::OwnershipDenial;
use hallpass_identity::Caller;

/// Result for a caller who meets the rule.
pub const OPEN: &str = "allowed";
/// Result for another user's row: as if it did not exist.
pub const ABSENT: &str = code::NOT_FOUND;
/// Result for a field that is not in the schema that the caller sees.
pub const HIDDEN: &str = code::GRAPHQL_VALIDATION_FAILED;

/// A column of the matrix: a kind of caller.
pub struct Column {
    /// Name of the kind.
    pub name: String,
    /// A caller of this kind. None for anonymous callers.
    pub caller: Option<Arc<Caller>>,
    /// Whether the caller owns the row.
    pub is_owner: bool,
}

impl Column {
    /// The attributes of the caller that rules use.
    fn describe(&self) -> String {
        let Some(caller) = self.caller.as_deref() else { return "not signed in".to_owned() };
        let list = |items: &BTreeSet<String>| match items.is_empty() {
            true => "none".to_owned(),
            false => items.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        let (roles, tier) = (list(caller.roles()), caller.tier());
        let permissions = list(caller.permissions());
        let rest = match (self.is_owner, caller.impersonated_by()) {
            (true, _) => "; owns the row",
            (false, Some(_)) => "; impersonated by an administrator",
            (false, None) => "",
        };
        format!("roles: {roles}; tier: {tier}; permissions: {permissions}{rest}")
    }
}

/// Result for one kind of caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Cell {
    /// Kind of caller.
    pub caller: String,
    /// [`OPEN`], or the error code of the denial.
    pub answer: String,
}

/// A row of the matrix: a field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Row {
    /// `Type.field`.
    pub field: String,
    /// Name of the rule.
    pub rule: String,
    /// The rule, to be evaluated again.
    pub rule_tree: RuleTree,
    /// Scopes that an OAuth client needs, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Tier that the row requires, if the rule depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_tier: Option<String>,
    /// Results by kind of caller.
    pub cells: Vec<Cell>,
}

/// The access matrix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Table {
    /// Fields with a rule, sorted by name.
    pub rows: Vec<Row>,
    /// Attributes of each kind of caller.
    pub callers: BTreeMap<String, String>,
    /// Access that settings add to the rules, by setting.
    pub settings: BTreeMap<String, BTreeSet<String>>,
    /// Tiers, lowest first.
    pub tiers: Vec<String>,
    /// Requirement of each rule, by name.
    pub rules: BTreeMap<String, String>,
    /// Descriptions of the root fields.
    pub gives: BTreeMap<String, String>,
    /// Fields without a rule, by type: readable by every caller who can access an object of the type.
    pub open: BTreeMap<String, Vec<String>>,
}

/// The schema has a field with an incomplete or unknown demand.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A root field has no rule.
    #[error("{0} has no rule: add one, such as `Public`")]
    Silent(String),
    /// A root field has no OAuth scope.
    #[error("{0} has no OAuth scope: add one")]
    Unscoped(String),
    /// A rule is not registered.
    #[error(
        "{field} has the rule {rule}, which is not registered: state it as a guard in `#[guarded]`"
    )]
    Unknown {
        /// Name of the field.
        field: String,
        /// Name of the rule.
        rule: String,
    },
}

impl Table {
    /// Creates the matrix of the schema with these `types`, for `columns`.
    ///
    /// # Errors
    /// When a root field has no rule or scope, or a field has an unknown rule.
    pub fn of(
        types: &Registry,
        columns: &[Column],
        policy: &Policy,
        denied: OwnershipDenial,
    ) -> Result<Self, TableError> {
        let mut table = Self {
            rows: Vec::new(),
            callers: columns.iter().map(|it| (it.name.clone(), it.describe())).collect(),
            settings: settings(policy, denied),
            tiers: policy.tiers.names().to_vec(),
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
        let field_name = format!("{object}.{}", field.name);
        let Some(name) = rule_name_from_directive(field) else {
            if ROOT_TYPES.contains(&object) {
                return Err(TableError::Silent(field_name));
            }
            self.open.entry(object.to_owned()).or_default().push(field.name.clone());
            return Ok(());
        };
        let Some(demand) = demand_directive(field) else {
            return Err(TableError::Unknown { field: field_name, rule: name.to_owned() });
        };
        if demand.scope.is_none() && ROOT_TYPES.contains(&object) {
            return Err(TableError::Unscoped(field_name));
        }
        let rule = demand.rule;
        self.rules.insert(rule.name(), rule.describe());
        if ROOT_TYPES.contains(&object) {
            let description = field.description.as_deref().unwrap_or_default();
            self.gives.insert(field_name.clone(), description.replace('\n', " "));
        }
        for required_tier in rule_tiers(rule, policy) {
            let is_mutation = object == "Mutation";
            let result = |column| result(rule, column, required_tier, is_mutation, policy);
            let cells = columns.iter().map(|column| Cell {
                caller: column.name.clone(),
                answer: result(column).to_owned(),
            });
            self.rows.push(Row {
                field: field_name.clone(),
                rule: rule.name(),
                rule_tree: rule.into(),
                scope: demand.scope.map(str::to_owned),
                required_tier: required_tier.map(str::to_owned),
                cells: cells.collect(),
            });
        }
        Ok(())
    }

    /// The matrix as Markdown, printed by the program of this name.
    #[must_use]
    pub fn to_markdown(&self, program: &str) -> String {
        let mut text = HEAD.replace("{program}", program);
        for (name, attributes) in &self.callers {
            push_text(&mut text, format_args!("- `{name}`: {attributes}\n"));
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
        text.push_str("\n## Rules\n\n");
        push_line(&mut text, &["rule", "requirement"]);
        push_line(&mut text, &["---", "---"]);
        for (rule, requirement) in &self.rules {
            push_line(&mut text, &[&format!("`{rule}`"), requirement]);
        }
        text.push_str(ROOT_FIELDS);
        for (field, description) in &self.gives {
            push_text(&mut text, format_args!("- `{field}`: {description}\n"));
        }
        text.push_str(RULELESS_FIELDS);
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
# Access matrix

Generated by `{program} access`; a test keeps it up to date with the schema. A cell is the result of a field for a
kind of caller: `allowed`, or the error code of the denial. It applies to the field, not to the rows that the field
returns: those are described below. Private rows of other users are never returned (null, or omitted from a list).

- `UNAUTHENTICATED`: the caller is not signed in. `FORBIDDEN`: the caller is signed in and does not meet the rule.
- `NOT_FOUND`: a mutation of another user's row fails as if the row did not exist (`OWNERSHIP_DENIAL=hide`).
- `GRAPHQL_VALIDATION_FAILED`: the field is not in the schema that these callers see. It cannot be distinguished
  from a nonexistent field.
- The scope is required of the access token of an OAuth client, in addition to the rule, unless
  `OAUTH_FULL_CLIENTS` lists the client. Without it, the result is `FORBIDDEN`. `{type}:read` and `{action}` are the
  scope of the requested object or action. A field of an object without a scope requires only the scope of the root
  field.
- `REAUTHENTICATION_REQUIRED`: the rule has FRESH and the last validation of the caller at the auth server is too old.
  The callers of this table have just been validated.

The columns are the personas of development (`{program} token --as NAME`), each with another user's row, and `owner`.
Access depends on roles, tiers and permissions, not on the persona: an administrator without a tier cannot read rows
that require one, and a permission in a rule grants the same as the role in that rule. An impersonated session
(`impersonated`) has the access of `owner` to rows of the impersonated user, except where the rule has
NOT_IMPERSONATED.

";

const SETTINGS: &str = "
Access from settings: implied roles and tiers, and how access to another user's row is denied.

";

const ROOT_FIELDS: &str = "
## Root fields

A rule decides who may use a field; the description of the field states which rows it returns. Owned rows are only
accessible through the scope of their owner.

";

const RULELESS_FIELDS: &str = "
## Fields without a rule

Every caller who can access the object may read these fields.

";

/// Access that settings add. Every addition widens what callers may do or learn.
pub(super) fn settings(
    policy: &Policy,
    denied: OwnershipDenial,
) -> BTreeMap<String, BTreeSet<String>> {
    let tiers = policy.tiers.names();
    let reach = |(at, tier): (usize, &String)| {
        tiers[..at].iter().map(|lower| format!("{tier} > {lower}")).collect::<Vec<_>>()
    };
    let tiers = tiers.iter().enumerate().flat_map(reach).collect();
    let roles = policy.roles.pairs().into_iter();
    let roles = roles.map(|(above, below)| format!("{above} > {below}")).collect();
    let ownership = match denied {
        OwnershipDenial::Hide => BTreeSet::from(["as absent".to_owned()]),
        OwnershipDenial::Forbid => {
            BTreeSet::from(["as absent".to_owned(), "as forbidden".to_owned()])
        }
    };
    let names = ["TIERS", "ROLE_INHERITS", "OWNERSHIP_DENIAL"].map(str::to_owned);
    names.into_iter().zip([tiers, roles, ownership]).collect()
}

fn push_text(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(line);
}

fn push_line(text: &mut String, cells: &[&str]) {
    push_text(text, format_args!("| {} |\n", cells.join(" | ")));
}

/// The object types and their fields, without introspection.
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

/// The tiers to report for a rule: all tiers if the rule depends on the tier of the row.
fn rule_tiers(rule: Rule, policy: &Policy) -> Vec<Option<&str>> {
    if rule.contains_rule(|rule| rule == Rule::RowTier) {
        return policy.tiers.names().iter().map(|tier| Some(tier.as_str())).collect();
    }
    vec![None]
}

pub(super) fn result(
    rule: Rule,
    column: &Column,
    required_tier: Option<&str>,
    is_mutation: bool,
    policy: &Policy,
) -> &'static str {
    let subject = Subject { caller: column.caller.as_deref(), policy };
    if !rule.is_reachable(subject) {
        return HIDDEN;
    }
    let at_guard = ResourceAttributes { is_owner: is_mutation || column.is_owner, required_tier };
    match rule.decide(subject, at_guard).as_ref().map_err(Denial::code) {
        Err(code) => code,
        Ok(()) if is_mutation => {
            let attributes = ResourceAttributes { is_owner: column.is_owner, required_tier };
            rule.decide(subject, attributes).map_or(ABSENT, |()| OPEN)
        }
        Ok(()) => OPEN,
    }
}
