//! The rules: roles, tiers, permissions, ownership, step-up authentication, and their combinations.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// What is asked of a caller who uses a field. To add a rule, add a name here: the compiler shows each place
/// that has to learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Public,
    /// To be signed in, as a person.
    SignedIn,
    /// To be a machine.
    Service,
    /// To hold a role, or one that implies it (`ROLE_INHERITS`).
    Role(&'static str),
    /// To hold a permission.
    Permission(&'static str),
    /// To hold a tier, or a higher one. Someone who is not signed in holds the lowest.
    Tier(&'static str),
    /// To hold the tier that the row asks for, or a higher one.
    RowTier,
    /// To own the row. On a mutation, which has none before it runs, the statement that changes the row
    /// holds to this.
    Owner,
    /// To have been confirmed by the auth server within this many seconds.
    Fresh(u32),
    /// The same, where the row asks for the highest tier.
    FreshForTopTier(u32),
    /// To act as oneself, and not as an administrator in another user's name.
    NotImpersonated,
    /// To have an account, and not to be a guest of Better Auth's anonymous plugin.
    NotAnonymous,
    /// One of these at least.
    AnyOf(&'static [Rule]),
    /// Each of these.
    AllOf(&'static [Rule]),
}

use Rule::{
    AllOf, AnyOf, Fresh, FreshForTopTier, NotAnonymous, NotImpersonated, Owner, Permission, Public,
    Role, RowTier, Service, SignedIn, Tier,
};

/// Defines rules by name, and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident = $rule:expr;)+) => {
        $($(#[$doc])+ pub const $name: Rule = $rule;)+

        /// Every rule that a field states: the schema knows no others.
        pub const RULES: &[Rule] = &[Public, SignedIn, Owner, $($name),+];
    };
}

rules! {
    /// Who runs the place.
    ADMIN = Role("admin");
    /// Who runs the place, confirmed within the life of a default token.
    FRESH_ADMIN = AllOf(&[ADMIN, Fresh(900)]);
    /// Who runs the place, confirmed just now, and in their own name: for what cannot be undone.
    SURE_ADMIN = AllOf(&[ADMIN, Fresh(300), NotImpersonated]);
    /// Who writes the courses.
    EDITOR = AnyOf(&[Role("editor"), Permission("content:write")]);
    /// Who may read a chapter; what costs most asks for a caller whose tier was confirmed lately.
    READER = AllOf(&[RowTier, FreshForTopTier(900)]);
    /// A person, in their own name.
    ONESELF = AllOf(&[SignedIn, NotImpersonated]);
}

/// The rule's stable name, as in the schema and in refusals.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Public => f.write_str("PUBLIC"),
            SignedIn => f.write_str("SIGNED_IN"),
            Service => f.write_str("SERVICE"),
            Role(role) => write!(f, "ROLE({role})"),
            Permission(permission) => write!(f, "PERMISSION({permission})"),
            Tier(tier) => write!(f, "TIER({tier})"),
            RowTier => f.write_str("MIN_TIER(requiredTier)"),
            Owner => f.write_str("OWNER"),
            Fresh(seconds) => write!(f, "FRESH({seconds}s)"),
            FreshForTopTier(seconds) => write!(f, "FRESH_FOR_TOP_TIER({seconds}s)"),
            NotImpersonated => f.write_str("NOT_IMPERSONATED"),
            NotAnonymous => f.write_str("NOT_ANONYMOUS"),
            AnyOf(rules) => f.write_str(&join_with(rules, " or ", Rule::name)),
            AllOf(rules) => f.write_str(&join_with(rules, " and ", Rule::name)),
        }
    }
}

fn join_with(rules: &[Rule], between: &str, say: fn(Rule) -> String) -> String {
    let each = rules.iter().map(|rule| match rule.conjuncts() {
        [] => say(*rule),
        _ => format!("({})", say(*rule)),
    });
    each.collect::<Vec<_>>().join(between)
}

impl Rule {
    /// The rule's stable name.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The rule with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        static NAMED: LazyLock<HashMap<String, Rule>> =
            LazyLock::new(|| RULES.iter().map(|rule| (rule.name(), *rule)).collect());
        NAMED.get(name).copied()
    }

    /// The rule for people: what one has to be.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Public => "anybody".to_owned(),
            SignedIn => "a person signed in".to_owned(),
            Service => "a machine".to_owned(),
            Role(role) => format!("somebody with the role {role}, or one that implies it"),
            Permission(permission) => format!("somebody with the permission {permission}"),
            Tier(tier) => format!("somebody with the tier {tier} or a higher one"),
            RowTier => "somebody whose tier reaches the row's requiredTier".to_owned(),
            Owner => "the owner of the row".to_owned(),
            Fresh(seconds) => format!("confirmed by the auth server within {seconds} seconds"),
            FreshForTopTier(seconds) => {
                format!(
                    "for the highest tier confirmed by the auth server within {seconds} seconds"
                )
            }
            NotImpersonated => "acting in their own name".to_owned(),
            NotAnonymous => "with an account of their own".to_owned(),
            AnyOf(rules) => join_with(rules, ", or ", Rule::describe),
            AllOf(rules) => join_with(rules, ", ", Rule::describe),
        }
    }

    /// The parts that are rules of their own.
    pub(super) fn conjuncts(self) -> &'static [Rule] {
        match self {
            AnyOf(rules) | AllOf(rules) => rules,
            Public | SignedIn | Service | Role(_) | Permission(_) | Tier(_) | RowTier | Owner
            | Fresh(_) | FreshForTopTier(_) | NotImpersonated | NotAnonymous => &[],
        }
    }

    /// Within how many seconds the caller has to be confirmed, at the strictest.
    pub(super) fn freshness(self) -> u32 {
        match self {
            Fresh(seconds) | FreshForTopTier(seconds) => seconds,
            AnyOf(rules) | AllOf(rules) => {
                rules.iter().map(|rule| rule.freshness()).min().unwrap_or(u32::MAX)
            }
            Public | SignedIn | Service | Role(_) | Permission(_) | Tier(_) | RowTier | Owner
            | NotImpersonated | NotAnonymous => u32::MAX,
        }
    }

    /// Whether this rule, or a part of it, is one that `is` is about.
    #[must_use]
    pub fn contains_rule(self, is: fn(Rule) -> bool) -> bool {
        is(self) || self.conjuncts().iter().any(|part| part.contains_rule(is))
    }

    /// Whether only some are let in by what they are: everyone's rows may then be behind it.
    #[must_use]
    pub fn is_privileged(self) -> bool {
        match self {
            Role(_) | Permission(_) | Service => true,
            AnyOf(rules) => rules.iter().all(|rule| rule.is_privileged()),
            AllOf(rules) => rules.iter().any(|rule| rule.is_privileged()),
            Public | SignedIn | Tier(_) | RowTier | Owner | Fresh(_) | FreshForTopTier(_)
            | NotImpersonated | NotAnonymous => false,
        }
    }
}
