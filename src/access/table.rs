//! The table of access: each field that states a rule, and what each kind of caller gets there.

use std::fmt::Write as _;
use std::sync::Arc;

use async_graphql::Value;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use serde::Serialize;

use super::rule::{Denial, Facts, RULES, Rule};
use crate::identity::{Caller, Tiers};

/// A kind of caller.
pub struct Column {
    /// Its name.
    pub name: String,
    /// Who stands for it.
    pub caller: Option<Arc<Caller>>,
    /// Whether it owns the rows it looks at.
    pub is_owner: bool,
}

/// What one kind of caller gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The kind of caller.
    pub caller: String,
    /// `allowed`, or the code of the refusal.
    pub answer: &'static str,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `Type.field`.
    pub field: String,
    /// The rule's name.
    pub rule: String,
    /// The tier that the row looked at asks for, where the rule asks about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_tier: Option<String>,
    /// What each kind of caller gets.
    pub cells: Vec<Cell>,
}

/// Who may use which field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The fields, by name.
    pub rows: Vec<Row>,
}

/// A schema that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The schema is not one.
    #[error("the schema cannot be read: {0}")]
    Schema(#[from] async_graphql::parser::Error),
    /// A root field says nothing of who may use it.
    #[error("{0} states no rule: state one, `Public` included")]
    Silent(String),
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
    /// The table of the schema `sdl`, for `columns`.
    ///
    /// # Errors
    /// When a root field states no rule, or a field states an unknown one.
    pub fn of(sdl: &str, columns: &[Column], tiers: &Tiers) -> Result<Self, TableError> {
        let mut rows = Vec::new();
        for (field, name) in stated_rules(sdl)? {
            let Some(rule) = RULES.iter().copied().find(|rule| rule.to_string() == name) else {
                return Err(TableError::Unknown { field, rule: name });
            };
            for required_tier in rule_tiers(rule, tiers) {
                rows.push(row(&field, rule, required_tier, columns, tiers));
            }
        }
        rows.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(Self { rows })
    }

    /// The table as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::from(HEAD);
        let mut names = vec!["field", "rule"];
        if let Some(row) = self.rows.first() {
            names.extend(row.cells.iter().map(|cell| cell.caller.as_str()));
        }
        push_line(&mut text, &names);
        push_line(&mut text, &vec!["---"; names.len()]);
        for row in &self.rows {
            let field = match &row.required_tier {
                Some(tier) => format!("`{}`, requiredTier {tier}", row.field),
                None => format!("`{}`", row.field),
            };
            let rule = format!("`{}`", row.rule);
            let mut line = vec![field.as_str(), rule.as_str()];
            line.extend(row.cells.iter().map(|cell| cell.answer));
            push_line(&mut text, &line);
        }
        text
    }
}

const HEAD: &str = "\
# Who may use which field

Written by `hallpass access`, held to the running schema by a test. A cell says `allowed`, or the code
of the refusal. `owner` is a free learner looking at a row of their own; every other column looks at
somebody else's. Fields that are not listed are open to whoever reaches their object. Rows are a
matter of scope, not of this table: `tasks` gives each caller their own, `publicTasks` what owners made
public, courses and chapters what is published.

";

fn push_line(text: &mut String, cells: &[&str]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// A rule about tiers is shown once for each tier.
fn rule_tiers(rule: Rule, tiers: &Tiers) -> Vec<Option<String>> {
    match rule {
        Rule::MinTier => tiers.names().iter().cloned().map(Some).collect(),
        Rule::Public
        | Rule::SignedIn
        | Rule::HasRole(_)
        | Rule::HasPermission(_)
        | Rule::Owner
        | Rule::AnyOf(_)
        | Rule::AllOf(_) => vec![None],
    }
}

fn row(
    field: &str,
    rule: Rule,
    required_tier: Option<String>,
    columns: &[Column],
    tiers: &Tiers,
) -> Row {
    let cells = columns.iter().map(|column| {
        let facts = Facts { is_owner: column.is_owner, required_tier: required_tier.clone() };
        let decision = rule.decide(column.caller.as_deref(), &facts, tiers);
        let answer = decision.as_ref().err().map_or("allowed", Denial::code);
        Cell { caller: column.name.clone(), answer }
    });
    Row { field: field.to_owned(), rule: rule.to_string(), cells: cells.collect(), required_tier }
}

/// Each field with a stated rule. Every root field must have one.
fn stated_rules(sdl: &str) -> Result<Vec<(String, String)>, TableError> {
    let mut stated = Vec::new();
    for definition in async_graphql::parser::parse_schema(sdl)?.definitions {
        let TypeSystemDefinition::Type(kind) = definition else { continue };
        let type_name = kind.node.name.node;
        let TypeKind::Object(object) = kind.node.kind else { continue };
        for field in object.fields {
            let name = format!("{type_name}.{}", field.node.name.node);
            let rule = field.node.directives.iter().find(|d| d.node.name.node == "access");
            let rule = rule.and_then(|directive| {
                directive.node.get_argument("rule").and_then(|value| match &value.node {
                    Value::String(rule) => Some(rule.clone()),
                    _ => None,
                })
            });
            match rule {
                Some(rule) => stated.push((name, rule)),
                None if ["Query", "Mutation", "Subscription"].contains(&type_name.as_str()) => {
                    return Err(TableError::Silent(name));
                }
                None => {}
            }
        }
    }
    Ok(stated)
}
