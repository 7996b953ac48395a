//! The rules: roles, tiers, permissions, ownership, step-up authentication, and their combinations.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::custom::CustomRule;
use super::subject::{ResourceAttributes, Subject};

/// A requirement on the caller of a field. An application adds its own with [`Rule::custom`].
///
/// ```
/// use hallpass::access::Rule;
///
/// /// Editors, and users of the tier `pro`.
/// const WRITER: Rule = Rule::AnyOf(&[Rule::Role("editor"), Rule::Tier("pro")]);
/// assert_eq!(
///     WRITER.describe(),
///     "a caller with the role editor or a role that implies it, or a caller with the tier pro or a higher tier",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No requirement.
    Public,
    /// A signed-in user.
    SignedIn,
    /// A service: an OAuth client or API key without a user.
    Service,
    /// A role, or a role that implies it (`ROLE_INHERITS`).
    Role(&'static str),
    /// A permission.
    Permission(&'static str),
    /// A tier, or a higher one. Anonymous callers have the lowest tier.
    Tier(&'static str),
    /// The tier that the row requires, or a higher one.
    RowTier,
    /// The owner of the row. On a mutation, which has no row before it runs, the statement that changes the row
    /// enforces ownership.
    Owner,
    /// Validated at the auth server within this many seconds (step-up authentication, RFC 9470).
    Fresh(u32),
    /// As [`Rule::Fresh`], if the row requires the highest tier.
    FreshForTopTier(u32),
    /// Not impersonated by an administrator.
    NotImpersonated,
    /// Not a guest of Better Auth's anonymous plugin.
    NotAnonymous,
    /// At least one of these rules.
    AnyOf(&'static [Rule]),
    /// All of these rules.
    AllOf(&'static [Rule]),
    /// A rule of the application.
    Custom(CustomRule),
}

use Rule::{
    AllOf, AnyOf, Custom, Fresh, FreshForTopTier, NotAnonymous, NotImpersonated, Owner, Permission,
    Public, Role, RowTier, Service, SignedIn, Tier,
};

/// Administrators.
pub const ADMIN: Rule = Role("admin");
/// Administrators validated at the auth server within 15 minutes, the default lifetime of a token.
pub const RECENTLY_AUTHENTICATED_ADMIN: Rule = AllOf(&[ADMIN, Fresh(900)]);
/// Administrators after step-up authentication, not impersonated: for irreversible operations.
pub const STEP_UP_ADMIN: Rule = AllOf(&[ADMIN, Fresh(300), NotImpersonated]);
/// Users, not impersonated.
pub const NOT_IMPERSONATED: Rule = AllOf(&[SignedIn, NotImpersonated]);

/// The rules of all guards whose types are registered, by name and in order of registration. Process-wide: types
/// register themselves by associated functions, and a name means the same rule in every schema.
#[derive(Default)]
struct Registered {
    by_name: HashMap<String, Rule>,
    in_order: Vec<Rule>,
}

static REGISTERED: RwLock<Option<Registered>> = RwLock::new(None);

/// Calls `read` with the rules of all guards, in order of registration.
pub(super) fn with_registered<T>(read: impl FnOnce(&[Rule]) -> T) -> T {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    read(registered.as_ref().map_or(&[], |registered| &registered.in_order))
}

/// The stable name of the rule, as in the schema and in denials.
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
            Custom(rule) => f.write_str(rule.name),
        }
    }
}

fn join_with(rules: &[Rule], separator: &str, describe: fn(Rule) -> String) -> String {
    let each = rules.iter().map(|rule| match rule.conjuncts() {
        [] => describe(*rule),
        _ => format!("({})", describe(*rule)),
    });
    each.collect::<Vec<_>>().join(separator)
}

impl Rule {
    /// A rule of the application. `name` is its stable name in the schema and in denials, such as `WORKING_HOURS`;
    /// `sentence` completes "requires …" in the access report; `decide` reports whether the caller meets it for a
    /// row, must not block, and returns the same for the same input.
    ///
    /// ```
    /// use hallpass::access::Rule;
    ///
    /// /// Users with a verified e-mail address.
    /// const VERIFIED: Rule = Rule::custom("VERIFIED", "a user with a verified e-mail address", |subject, _| {
    ///     subject.caller.is_some_and(|caller| caller.email_verified())
    /// });
    /// assert_eq!(VERIFIED.name(), "VERIFIED");
    /// ```
    #[must_use]
    pub const fn custom(
        name: &'static str,
        sentence: &'static str,
        decide: fn(Subject<'_>, ResourceAttributes<'_>) -> bool,
    ) -> Self {
        Self::Custom(CustomRule { name, sentence, decide })
    }
}

impl Rule {
    /// The stable name of the rule.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// Registers the rule of a guard, so that its name in the schema leads back to it. Returns the name. Generated by
    /// `#[guarded]`.
    ///
    /// # Panics
    /// If another rule has the name.
    pub fn register(self) -> String {
        let name = self.name();
        let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
        let registered = registered.get_or_insert_default();
        match registered.by_name.get(&name) {
            Some(known) => assert!(*known == self, "two rules have the name {name}"),
            None => {
                registered.by_name.insert(name.clone(), self);
                registered.in_order.push(self);
            }
        }
        name
    }

    /// The registered rule with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        registered.as_ref()?.by_name.get(name).copied()
    }

    /// The requirement in English, for the access report.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Public => "every caller".to_owned(),
            SignedIn => "a signed-in user".to_owned(),
            Service => "a service".to_owned(),
            Role(role) => format!("a caller with the role {role} or a role that implies it"),
            Permission(permission) => format!("a caller with the permission {permission}"),
            Tier(tier) => format!("a caller with the tier {tier} or a higher tier"),
            RowTier => "a caller with the row's requiredTier or a higher tier".to_owned(),
            Owner => "the owner of the row".to_owned(),
            Fresh(seconds) => {
                format!("validated at the auth server within the last {seconds} seconds")
            }
            FreshForTopTier(seconds) => {
                format!(
                    "for the highest tier validated at the auth server within the last {seconds} seconds"
                )
            }
            NotImpersonated => "not impersonated".to_owned(),
            NotAnonymous => "not an anonymous guest".to_owned(),
            AnyOf(rules) => join_with(rules, ", or ", Rule::describe),
            AllOf(rules) => join_with(rules, ", ", Rule::describe),
            Custom(rule) => rule.sentence.to_owned(),
        }
    }

    /// The rules that this rule combines.
    pub(super) fn conjuncts(self) -> &'static [Rule] {
        match self {
            AnyOf(rules) | AllOf(rules) => rules,
            Public | SignedIn | Service | Role(_) | Permission(_) | Tier(_) | RowTier | Owner
            | Fresh(_) | FreshForTopTier(_) | NotImpersonated | NotAnonymous | Custom(_) => &[],
        }
    }

    /// The strictest maximum age of the last validation at the auth server, in seconds.
    pub(super) fn freshness(self) -> u32 {
        match self {
            Fresh(seconds) | FreshForTopTier(seconds) => seconds,
            AnyOf(rules) | AllOf(rules) => {
                rules.iter().map(|rule| rule.freshness()).min().unwrap_or(u32::MAX)
            }
            Public | SignedIn | Service | Role(_) | Permission(_) | Tier(_) | RowTier | Owner
            | NotImpersonated | NotAnonymous | Custom(_) => u32::MAX,
        }
    }

    /// Whether `is` holds for this rule or a rule that it combines.
    #[must_use]
    pub fn contains_rule(self, is: fn(Rule) -> bool) -> bool {
        is(self) || self.conjuncts().iter().any(|part| part.contains_rule(is))
    }

    /// Whether the rule requires a role, a permission or a service: only such rules may grant access to the rows of
    /// all users.
    #[must_use]
    pub fn is_privileged(self) -> bool {
        match self {
            Role(_) | Permission(_) | Service => true,
            AnyOf(rules) => rules.iter().all(|rule| rule.is_privileged()),
            AllOf(rules) => rules.iter().any(|rule| rule.is_privileged()),
            Public | SignedIn | Tier(_) | RowTier | Owner | Fresh(_) | FreshForTopTier(_)
            | NotImpersonated | NotAnonymous | Custom(_) => false,
        }
    }
}
