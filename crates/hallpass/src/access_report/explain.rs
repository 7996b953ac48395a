//! Explains the access decisions for a document, field by field, without executing it (`hallpass explain`).

use std::collections::BTreeSet;
use std::fmt;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql::registry::{MetaTypeName, Registry};
use async_graphql::{Name, Positioned};

use super::matrix::ABSENT;
use crate::access::{
    AuditTrail, Demand, Denial, ResourceAttributes, Rule, Subject, demand_directive,
};
use crate::code;
use crate::config::OwnershipDenial;
use hallpass_identity::Caller;

/// The decision for one field of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReport {
    /// Path in the response.
    pub path: String,
    /// `Type.field`.
    pub field: String,
    /// Rule of the field, if any.
    pub rule: Option<Rule>,
    /// Scopes that an OAuth client needs, if any.
    pub scope: Option<String>,
    /// Decision.
    pub verdict: Verdict,
    /// Requirements of the rule that the caller meets for every row.
    pub met: Vec<Rule>,
    /// Error code of a statement on another user's row.
    pub foreign_row_code: &'static str,
}

/// Decision for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No rule: readable by every caller who can access the object.
    Open,
    /// Allowed for every row.
    Allowed,
    /// Denied for every row.
    Denied(Denial),
    /// Depends on the row: the decision for each kind of row.
    Depends(Vec<(String, Option<Denial>)>),
    /// The field is not in the schema that the caller sees.
    Hidden,
    /// The field does not exist.
    Unknown,
}

/// Maximum nesting of fields. Deeper fields are not reported.
const MAX_DEPTH: usize = 32;
/// Maximum number of selections. The server rejects documents with more.
const MAX_SELECTIONS: usize = 2_000;

/// Explains every field of `document`, in order, for `subject`. `denied` sets how access to another user's row is
/// denied.
#[must_use]
pub fn explain(
    document: &ExecutableDocument,
    types: &Registry,
    subject: Subject<'_>,
    denied: OwnershipDenial,
) -> Vec<FieldReport> {
    let foreign_row_code = match denied {
        OwnershipDenial::Hide => ABSENT,
        OwnershipDenial::Forbid => code::FORBIDDEN,
    };
    let (inside, reports) = (Vec::new(), Vec::new());
    let mut visitor =
        Visitor { document, types, subject, foreign_row_code, inside, seen: 0, reports };
    let mut operations = document.operations.iter().collect::<Vec<_>>();
    operations.sort_by_key(|(_, operation)| operation.pos);
    for (_, operation) in operations {
        let root = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        visitor.selections(&operation.node.selection_set.node, root, "", 0);
    }
    visitor.reports
}

/// Audits the fields of `document` that are hidden from the caller of `trail`, as denied with `code`.
pub fn note_hidden(
    trail: &AuditTrail,
    document: &ExecutableDocument,
    types: &Registry,
    subject: Subject<'_>,
    code: &str,
) {
    for report in explain(document, types, subject, OwnershipDenial::Hide) {
        if let (Verdict::Hidden, Some(rule)) = (report.verdict, report.rule) {
            trail.note(report.field, rule.name(), code, None);
        }
    }
}

struct Visitor<'a> {
    document: &'a ExecutableDocument,
    types: &'a Registry,
    subject: Subject<'a>,
    foreign_row_code: &'static str,
    /// Fragments being visited, to stop at recursive spreads.
    inside: Vec<Name>,
    /// Number of visited selections.
    seen: usize,
    reports: Vec<FieldReport>,
}

impl Visitor<'_> {
    fn selections(&mut self, set: &SelectionSet, object: &str, path: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        for selection in &set.items {
            self.seen += 1;
            if self.seen > MAX_SELECTIONS {
                return;
            }
            match &selection.node {
                Selection::Field(field) => self.field(field, object, path, depth),
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref();
                    let on = on.map_or(object, |on| on.node.on.node.as_str());
                    self.selections(&fragment.node.selection_set.node, on, path, depth + 1);
                }
                Selection::FragmentSpread(spread) => {
                    let document = self.document;
                    let name = &spread.node.fragment_name.node;
                    let is_visiting = self.inside.contains(name);
                    if let Some(fragment) = document.fragments.get(name).filter(|_| !is_visiting) {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.inside.push(name.clone());
                        self.selections(&fragment.node.selection_set.node, on, path, depth + 1);
                        self.inside.pop();
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &Positioned<Field>, object: &str, path: &str, depth: usize) {
        let name = field.node.name.node.as_str();
        if name.starts_with("__") {
            return;
        }
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", field.node.response_key().node);
        let known = self.types.types.get(object).and_then(|object| object.field_by_name(name));
        let demand = known.and_then(demand_directive);
        let rule = demand.map(|demand| demand.rule);
        let verdict = match (known, demand) {
            (None, _) => Verdict::Unknown,
            (Some(_), None) => Verdict::Open,
            (Some(_), Some(demand)) => verdict(demand, self.subject),
        };
        let met = rule.map(|rule| met_requirements(rule, self.subject)).unwrap_or_default();
        self.reports.push(FieldReport {
            path: path.clone(),
            field: format!("{object}.{name}"),
            rule,
            scope: demand.and_then(|demand| demand.scope).map(str::to_owned),
            verdict,
            met,
            foreign_row_code: self.foreign_row_code,
        });
        if let Some(known) = known {
            let of = MetaTypeName::concrete_typename(&known.ty);
            self.selections(&field.node.selection_set.node, of, &path, depth + 1);
        }
    }
}

fn verdict(demand: Demand<'_>, subject: Subject<'_>) -> Verdict {
    if !demand.rule.is_reachable(subject) {
        return Verdict::Hidden;
    }
    let rows = rows(demand.rule, subject);
    let decided =
        rows.into_iter().map(|(row, attributes)| (row, demand.decide(subject, attributes).err()));
    let decided = decided.collect::<Vec<_>>();
    let denied = decided.iter().filter(|(_, denial)| denial.is_some()).count();
    match decided.first() {
        Some((_, Some(denial))) if denied == decided.len() => Verdict::Denied(denial.clone()),
        _ if denied == 0 => Verdict::Allowed,
        _ => Verdict::Depends(decided),
    }
}

/// The requirements of `rule` that `subject` meets for every row.
fn met_requirements(rule: Rule, subject: Subject<'_>) -> Vec<Rule> {
    let met =
        |attributes| rule.reasons(subject, attributes).into_iter().filter(|reason| reason.met);
    let mut rows = rows(rule, subject).into_iter().map(|(_, attributes)| attributes);
    let mut parts =
        rows.next().map(met).into_iter().flatten().map(|it| it.rule).collect::<Vec<_>>();
    for attributes in rows {
        parts.retain(|part| met(attributes).any(|reason| reason.rule == *part));
    }
    parts
}

/// A row that the caller owns.
const OWN: &str = "own row";
/// A row of another user.
const OTHER_OWNER: &str = "another user's row";

/// The kinds of rows that the rule distinguishes.
fn rows<'a>(rule: Rule, subject: Subject<'a>) -> Vec<(String, ResourceAttributes<'a>)> {
    let mut tiers = vec![(String::new(), None)];
    if rule.contains_rule(|rule| matches!(rule, Rule::RowTier | Rule::FreshForTopTier(_))) {
        let names = subject.policy.tiers.names().iter();
        tiers = names.map(|it| (format!("requiredTier {it}"), Some(it.as_str()))).collect();
    }
    let mut owners = vec![("", false)];
    if rule.contains_rule(|rule| rule == Rule::Owner) {
        owners = vec![(OWN, true), (OTHER_OWNER, false)];
    }
    let row = |(tier, required_tier): (String, _)| {
        owners.iter().map(move |(owner, is_owner)| {
            let comma = if tier.is_empty() || owner.is_empty() { "" } else { ", " };
            let facts = ResourceAttributes { is_owner: *is_owner, required_tier };
            (format!("{tier}{comma}{owner}"), facts)
        })
    };
    tiers.into_iter().flat_map(row).collect()
}

impl FieldReport {
    /// Whether the server rejects the whole document because of this field.
    #[must_use]
    pub fn is_rejected_whole(&self) -> bool {
        match self.verdict {
            Verdict::Hidden | Verdict::Unknown => true,
            Verdict::Open | Verdict::Allowed | Verdict::Denied(_) | Verdict::Depends(_) => false,
        }
    }

    /// The decision and its reason, as text.
    #[must_use]
    pub fn explanation(&self) -> String {
        Explanation(self).to_string()
    }
}

impl Verdict {
    /// Its name, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open | Self::Allowed => "allowed",
            Self::Denied(_) => "denied",
            Self::Depends(_) => "depends",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for FieldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, Explanation(self))
    }
}

/// The decision and its reason.
struct Explanation<'a>(&'a FieldReport);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FieldReport { field, rule: demanded, scope, verdict, met, foreign_row_code, .. } =
            self.0;
        let rule = demanded.map(Rule::name).unwrap_or_default();
        match verdict {
            Verdict::Open => write!(f, "allowed without a rule"),
            Verdict::Allowed => write!(f, "allowed by {rule}{}", met_by(*demanded, met)),
            Verdict::Denied(denial) => write!(f, "denied by {rule}: {}", error_message(denial)),
            Verdict::Hidden => {
                write!(f, "hidden by {rule}: the field is not in the schema that this caller sees")
            }
            Verdict::Unknown => write!(f, "unknown: {field} does not exist"),
            Verdict::Depends(rows) => {
                write!(f, "depends on the row, by {rule}")?;
                for (row, denial) in rows {
                    match denial {
                        Some(_) if row == OTHER_OWNER && field.starts_with("Mutation.") => {
                            write!(f, "; {row}: denied by the statement, {foreign_row_code}")?;
                        }
                        Some(denial) => write!(f, "; {row}: denied, {}", error_message(denial))?,
                        None => write!(f, "; {row}: allowed")?,
                    }
                }
                Ok(())
            }
        }?;
        match scope.as_deref().filter(|scope| scope.starts_with('{')) {
            Some(scope) => write!(f, "; the scope depends on the requested object: {scope}"),
            None => Ok(()),
        }
    }
}

/// The met requirements of a combined rule.
fn met_by(rule: Option<Rule>, met: &[Rule]) -> String {
    match met {
        [only] if Some(*only) == rule => String::new(),
        _ => {
            let parts = met.iter().map(|part| part.name()).collect::<Vec<_>>();
            format!(", met by {}", parts.join(" and "))
        }
    }
}

fn error_message(denial: &Denial) -> String {
    format!("{}, missing {}", denial.code(), denial.lacking().join(" and "))
}

/// The caller, as text: kind, credential and rights.
#[must_use]
pub fn describe_caller(caller: Option<&Caller>) -> String {
    caller.map_or_else(|| "an anonymous caller".to_owned(), describe)
}

fn describe(caller: &Caller) -> String {
    let words = |words: &BTreeSet<String>| match words.is_empty() {
        true => "none".to_owned(),
        false => words.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    let client = caller.scopes().map_or_else(String::new, |scopes| {
        format!("; client: {}; scopes: {}", caller.client_id().unwrap_or("unknown"), words(scopes))
    });
    format!(
        "{:?} by {}; roles: {}; tier: {}; permissions: {}{client}",
        caller.kind(),
        caller.via().name(),
        words(caller.roles()),
        caller.tier(),
        words(caller.permissions()),
    )
    .to_lowercase()
}
