//! Unmet requirements of a rule as values of the schema, for generated clients.

use async_graphql::{Enum, SimpleObject};
use strum::EnumString;

/// Kind of rule, as in the directive `@access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum RuleKind {
    /// A signed-in user.
    SignedIn,
    /// A service: an OAuth client or API key without a user.
    Service,
    /// A role, or a role that implies it. The value is the role.
    Role,
    /// A permission. The value is the permission.
    Permission,
    /// A tier, or a higher one. The value is the tier.
    Tier,
    /// The tier that the row requires, or a higher one. The value is the field with the tier.
    MinTier,
    /// The owner of the row.
    Owner,
    /// A recent validation at the auth server (step-up authentication). The value is its maximum age, as `900s`.
    Fresh,
    /// As `FRESH`, for rows that require the highest tier.
    FreshForTopTier,
    /// Not impersonated by an administrator.
    NotImpersonated,
    /// Not a guest of Better Auth's anonymous plugin.
    NotAnonymous,
    /// A scope of the access token. The value is the scope.
    Scope,
    /// At least one of several rules. The value has their names.
    #[strum(disabled)]
    AnyOf,
    /// A rule of the application. The value is its name.
    #[strum(disabled)]
    Custom,
}

/// An unmet requirement of a rule.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub struct Requirement {
    /// Kind of rule.
    pub rule: RuleKind,
    /// What the rule requires, such as the name of a role. Null if the kind says it all.
    pub value: Option<String>,
}

impl Requirement {
    /// The requirement with this name, as in `extensions.missing`.
    pub(super) fn named(name: &str) -> Self {
        // The alternatives of a rule are joined by this: see `Rule`.
        if name.contains(" or ") {
            return Self { rule: RuleKind::AnyOf, value: Some(name.to_owned()) };
        }
        let (kind, value) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
            Some((kind, value)) => (kind, Some(value)),
            None => (name, None),
        };
        match kind.parse() {
            Ok(rule) => Self { rule, value: value.map(str::to_owned) },
            Err(_) => Self { rule: RuleKind::Custom, value: Some(name.to_owned()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rule;

    #[test]
    fn requirement_is_read_from_the_name_of_its_rule() {
        let custom = Rule::custom("WORKING_HOURS", "a caller by day", |_, _| true);
        let any = Rule::AnyOf(&[Rule::Role("editor"), Rule::Permission("content:write")]);
        let own = Rule::AnyOf(&[Rule::Owner, Rule::Role("admin")]);
        let plain = Rule::AnyOf(&[Rule::SignedIn, Rule::Service]);
        for (name, rule, value) in [
            (Rule::SignedIn.name(), RuleKind::SignedIn, None),
            (Rule::Service.name(), RuleKind::Service, None),
            (Rule::Role("admin").name(), RuleKind::Role, Some("admin")),
            (Rule::Permission("a:b").name(), RuleKind::Permission, Some("a:b")),
            (Rule::Tier("premium").name(), RuleKind::Tier, Some("premium")),
            (Rule::RowTier.name(), RuleKind::MinTier, Some("requiredTier")),
            (Rule::Owner.name(), RuleKind::Owner, None),
            (Rule::Fresh(900).name(), RuleKind::Fresh, Some("900s")),
            (Rule::FreshForTopTier(900).name(), RuleKind::FreshForTopTier, Some("900s")),
            (Rule::NotImpersonated.name(), RuleKind::NotImpersonated, None),
            (Rule::NotAnonymous.name(), RuleKind::NotAnonymous, None),
            ("SCOPE(tasks:read)".to_owned(), RuleKind::Scope, Some("tasks:read")),
            (any.name(), RuleKind::AnyOf, Some("ROLE(editor) or PERMISSION(content:write)")),
            (own.name(), RuleKind::AnyOf, Some("OWNER or ROLE(admin)")),
            (plain.name(), RuleKind::AnyOf, Some("SIGNED_IN or SERVICE")),
            (custom.name(), RuleKind::Custom, Some("WORKING_HOURS")),
        ] {
            let expected = Requirement { rule, value: value.map(str::to_owned) };
            assert_eq!(Requirement::named(&name), expected, "{name}");
        }
    }
}
