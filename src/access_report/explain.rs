//! What a document would be told, field by field, without running it.

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
use crate::config::OwnershipDenial;
use crate::graphql::code;

/// One field of a document, and what a caller gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReport {
    /// Where in the answer.
    pub path: String,
    /// `Type.field`.
    pub field: String,
    /// The rule, if the field states one.
    pub rule: Option<Rule>,
    /// The scopes that an OAuth client needs, if the field asks for some.
    pub scope: Option<String>,
    /// What they get.
    pub verdict: Verdict,
    /// The parts of the rule that they meet whatever the row.
    pub met: Vec<Rule>,
    /// What a statement that would change another's row answers.
    pub of_anothers: &'static str,
}

/// What a caller gets at a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No rule of its own: open to every caller who reaches the object.
    Open,
    /// Let in, whatever the row.
    Allowed,
    /// Refused, whatever the row.
    Refused(Denial),
    /// Let in or refused: each kind of row, and the refusal if there is one.
    Depends(Vec<(String, Option<Denial>)>),
    /// The schema that they see has no such field.
    Hidden,
    /// No schema has such a field.
    Unknown,
}

/// Fields inside each other: more are not followed.
const MAX_DEPTH: usize = 32;
/// Selections in all: the server runs no document that has more.
const MAX_SELECTIONS: usize = 2_000;

/// Every field of `document`, in order, for `asker`, where another's row is denied as `denied` says.
#[must_use]
pub fn explain(
    document: &ExecutableDocument,
    types: &Registry,
    asker: Subject<'_>,
    denied: OwnershipDenial,
) -> Vec<FieldReport> {
    let of_anothers = match denied {
        OwnershipDenial::Hide => ABSENT,
        OwnershipDenial::Forbid => code::FORBIDDEN,
    };
    let (inside, lines) = (Vec::new(), Vec::new());
    let mut walk = Walk { document, types, asker, of_anothers, inside, seen: 0, lines };
    let mut operations = document.operations.iter().collect::<Vec<_>>();
    operations.sort_by_key(|(_, operation)| operation.pos);
    for (_, operation) in operations {
        let root = match operation.node.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        walk.selections(&operation.node.selection_set.node, root, "", 0);
    }
    walk.lines
}

/// Puts on the record what `document` asks for and the caller of `trail` does not see: refused with `code`.
pub fn note_hidden(
    trail: &AuditTrail,
    document: &ExecutableDocument,
    types: &Registry,
    asker: Subject<'_>,
    code: &str,
) {
    for line in explain(document, types, asker, OwnershipDenial::Hide) {
        if let (Verdict::Hidden, Some(rule)) = (line.verdict, line.rule) {
            trail.note(line.field, rule.name(), code, None);
        }
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    types: &'a Registry,
    asker: Subject<'a>,
    of_anothers: &'static str,
    /// The fragments that are being followed: one inside itself has no end.
    inside: Vec<Name>,
    /// How many selections were looked at.
    seen: usize,
    lines: Vec<FieldReport>,
}

impl Walk<'_> {
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
                    let is_known = self.inside.contains(name);
                    if let Some(fragment) = document.fragments.get(name).filter(|_| !is_known) {
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
            (Some(_), Some(demand)) => verdict(demand, self.asker),
        };
        let met = rule.map(|rule| met_parts(rule, self.asker)).unwrap_or_default();
        self.lines.push(FieldReport {
            path: path.clone(),
            field: format!("{object}.{name}"),
            rule,
            scope: demand.and_then(|demand| demand.scope).map(str::to_owned),
            verdict,
            met,
            of_anothers: self.of_anothers,
        });
        if let Some(known) = known {
            let of = MetaTypeName::concrete_typename(&known.ty);
            self.selections(&field.node.selection_set.node, of, &path, depth + 1);
        }
    }
}

fn verdict(demand: Demand<'_>, asker: Subject<'_>) -> Verdict {
    if !demand.rule.is_reachable(asker) {
        return Verdict::Hidden;
    }
    let rows = rows(demand.rule, asker);
    let decided = rows.into_iter().map(|(row, facts)| (row, demand.decide(asker, facts).err()));
    let decided = decided.collect::<Vec<_>>();
    let refused = decided.iter().filter(|(_, refusal)| refusal.is_some()).count();
    match decided.first() {
        Some((_, Some(denial))) if refused == decided.len() => Verdict::Refused(denial.clone()),
        _ if refused == 0 => Verdict::Allowed,
        _ => Verdict::Depends(decided),
    }
}

/// The parts of `rule` that `asker` meets whatever the row.
fn met_parts(rule: Rule, asker: Subject<'_>) -> Vec<Rule> {
    let met = |facts| rule.reasons(asker, facts).into_iter().filter(|reason| reason.met);
    let mut rows = rows(rule, asker).into_iter().map(|(_, facts)| facts);
    let mut parts =
        rows.next().map(met).into_iter().flatten().map(|it| it.rule).collect::<Vec<_>>();
    for facts in rows {
        parts.retain(|part| met(facts).any(|reason| reason.rule == *part));
    }
    parts
}

/// A row that another user owns.
const OTHER_OWNER: &str = "another's row";

/// The kinds of rows that the rule tells apart.
fn rows<'a>(rule: Rule, asker: Subject<'a>) -> Vec<(String, ResourceAttributes<'a>)> {
    if rule.contains_rule(|rule| rule == Rule::RowTier) {
        let tiers = asker.policy.tiers.names().iter();
        let facts = |tier: &'a String| ResourceAttributes {
            required_tier: Some(tier),
            ..ResourceAttributes::default()
        };
        return tiers.map(|tier| (format!("requiredTier {tier}"), facts(tier))).collect();
    }
    if rule.contains_rule(|rule| rule == Rule::Owner) {
        let facts = |is_owner| ResourceAttributes { is_owner, ..ResourceAttributes::default() };
        return vec![("own row".to_owned(), facts(true)), (OTHER_OWNER.to_owned(), facts(false))];
    }
    vec![(String::new(), ResourceAttributes::default())]
}

impl FieldReport {
    /// Whether the server refuses the whole document for it.
    #[must_use]
    pub fn is_refused_whole(&self) -> bool {
        match self.verdict {
            Verdict::Hidden | Verdict::Unknown => true,
            Verdict::Open | Verdict::Allowed | Verdict::Refused(_) | Verdict::Depends(_) => false,
        }
    }
}

impl fmt::Display for FieldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule.map(Rule::name).unwrap_or_default();
        write!(f, "{}: ", self.path)?;
        match &self.verdict {
            Verdict::Open => write!(f, "allowed to whoever reaches the object"),
            Verdict::Allowed => write!(f, "allowed by {rule}{}", because(self.rule, &self.met)),
            Verdict::Refused(denial) => write!(f, "refused by {rule}: {}", error_message(denial)),
            Verdict::Hidden => {
                write!(f, "hidden by {rule}: to these callers there is no such field")
            }
            Verdict::Unknown => write!(f, "unknown: there is no {}", self.field),
            Verdict::Depends(rows) => {
                write!(f, "depends on the row, by {rule}")?;
                for (row, denial) in rows {
                    match denial {
                        Some(_) if row == OTHER_OWNER && self.field.starts_with("Mutation.") => {
                            write!(f, "; {row}: refused by the statement, {}", self.of_anothers)?;
                        }
                        Some(denial) => write!(f, "; {row}: refused, {}", error_message(denial))?,
                        None => write!(f, "; {row}: allowed")?,
                    }
                }
                Ok(())
            }
        }?;
        match self.scope.as_deref().filter(|scope| scope.starts_with('{')) {
            Some(scope) => write!(f, "; the scope is that of what is asked for: {scope}"),
            None => Ok(()),
        }
    }
}

/// Which part of a composed rule let them in.
fn because(rule: Option<Rule>, met: &[Rule]) -> String {
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
