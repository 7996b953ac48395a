//! The vocabulary: what can be asked of a caller.

use std::fmt;

use crate::identity::{Caller, Kind, Tiers};

/// What is asked of whoever uses a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Public,
    /// To be signed in, as a person.
    SignedIn,
    /// To hold a role.
    HasRole(&'static str),
    /// To hold a permission.
    HasPermission(&'static str),
    /// To hold the tier that the row asks for, or a higher one. Someone who is not signed in holds
    /// the lowest.
    MinTier,
    /// To own the row.
    Owner,
    /// One of these at least.
    AnyOf(&'static [Rule]),
    /// Each of these.
    AllOf(&'static [Rule]),
}

/// Who runs the place.
pub const ADMIN: Rule = Rule::HasRole("admin");
/// Who writes the courses.
pub const EDITOR: Rule =
    Rule::AnyOf(&[Rule::HasRole("editor"), ADMIN, Rule::HasPermission("content:write")]);

/// Every rule that a field states: the table of access knows no others.
pub const RULES: &[Rule] =
    &[Rule::Public, Rule::SignedIn, Rule::Owner, Rule::MinTier, EDITOR, ADMIN];

/// What a rule may know of the row whose field is used.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whether the caller owns it.
    pub is_owner: bool,
    /// The lowest tier that may read it.
    pub required_tier: Option<String>,
}

/// A refusal, with what would have satisfied the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule's name.
    pub rule: String,
    /// Whether nobody is signed in: signing in is then the first thing to do.
    pub anonymous: bool,
    /// What the caller lacks.
    pub missing: Vec<String>,
}

/// The rule's stable name, as in the schema and in refusals.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("PUBLIC"),
            Self::SignedIn => f.write_str("SIGNED_IN"),
            Self::HasRole(role) => write!(f, "ROLE({role})"),
            Self::HasPermission(permission) => write!(f, "PERMISSION({permission})"),
            Self::MinTier => f.write_str("MIN_TIER(requiredTier)"),
            Self::Owner => f.write_str("OWNER"),
            Self::AnyOf(rules) => write_list(f, rules, " or "),
            Self::AllOf(rules) => write_list(f, rules, " and "),
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, rules: &[Rule], between: &str) -> fmt::Result {
    for (at, rule) in rules.iter().enumerate() {
        let nested = matches!(rule, Rule::AnyOf(_) | Rule::AllOf(_));
        let (open, close) = if nested { ("(", ")") } else { ("", "") };
        write!(f, "{}{open}{rule}{close}", if at > 0 { between } else { "" })?;
    }
    Ok(())
}

impl Rule {
    /// The rule's stable name.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// Whether `caller` may use a field of a row with these `facts`.
    ///
    /// # Errors
    /// The refusal, when not.
    pub fn decide(
        self,
        caller: Option<&Caller>,
        facts: &Facts,
        tiers: &Tiers,
    ) -> Result<(), Denial> {
        let lacking = self.lacking(caller, facts, tiers);
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Denial { missing: lacking, ..self.denial(caller) })
    }

    /// The refusal of `caller`, for want of the whole rule.
    #[must_use]
    pub fn denial(self, caller: Option<&Caller>) -> Denial {
        let name = self.name();
        Denial { rule: name.clone(), anonymous: caller.is_none(), missing: vec![name] }
    }

    /// What `caller` lacks to satisfy the rule; nothing when it is satisfied.
    fn lacking(self, caller: Option<&Caller>, facts: &Facts, tiers: &Tiers) -> Vec<String> {
        let satisfied = match self {
            Self::Public => true,
            Self::SignedIn => caller.is_some_and(|caller| caller.kind() == Kind::User),
            Self::HasRole(role) => caller.is_some_and(|caller| caller.roles().contains(role)),
            Self::HasPermission(permission) => {
                caller.is_some_and(|caller| caller.permissions().contains(permission))
            }
            Self::MinTier => facts.required_tier.as_deref().is_some_and(|required| {
                tiers.reach(caller.map_or(tiers.lowest(), Caller::tier), required)
            }),
            Self::Owner => facts.is_owner,
            Self::AnyOf(rules) => {
                rules.iter().any(|rule| rule.lacking(caller, facts, tiers).is_empty())
            }
            Self::AllOf(rules) => {
                return rules.iter().flat_map(|rule| rule.lacking(caller, facts, tiers)).collect();
            }
        };
        if satisfied { Vec::new() } else { vec![self.wanted(facts)] }
    }

    /// What would satisfy the rule.
    fn wanted(self, facts: &Facts) -> String {
        match (self, &facts.required_tier) {
            (Self::MinTier, Some(tier)) => format!("TIER({tier})"),
            _ => self.name(),
        }
    }
}
