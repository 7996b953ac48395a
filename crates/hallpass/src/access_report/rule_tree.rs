//! A rule as stored in JSON: a tree that can be evaluated.

use serde::{Deserialize, Serialize};

use crate::access::Rule;

/// A [`Rule`] that owns its parts, so that it can be read from JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleTree {
    /// [`Rule::Public`].
    Public,
    /// [`Rule::SignedIn`].
    SignedIn,
    /// [`Rule::Service`].
    Service,
    /// [`Rule::Role`].
    Role(String),
    /// [`Rule::Permission`].
    Permission(String),
    /// [`Rule::Tier`].
    Tier(String),
    /// [`Rule::RowTier`].
    RowTier,
    /// [`Rule::Owner`].
    Owner,
    /// [`Rule::Fresh`].
    Fresh(u32),
    /// [`Rule::FreshForTopTier`].
    FreshForTopTier(u32),
    /// [`Rule::NotImpersonated`].
    NotImpersonated,
    /// [`Rule::NotAnonymous`].
    NotAnonymous,
    /// [`Rule::AnyOf`].
    AnyOf(Vec<Self>),
    /// [`Rule::AllOf`].
    AllOf(Vec<Self>),
    /// [`Rule::Custom`], by its name: its decision is code.
    Custom(String),
}

impl From<Rule> for RuleTree {
    fn from(rule: Rule) -> Self {
        let trees = |rules: &[Rule]| rules.iter().copied().map(Self::from).collect();
        match rule {
            Rule::Public => Self::Public,
            Rule::SignedIn => Self::SignedIn,
            Rule::Service => Self::Service,
            Rule::Role(role) => Self::Role(role.to_owned()),
            Rule::Permission(permission) => Self::Permission(permission.to_owned()),
            Rule::Tier(tier) => Self::Tier(tier.to_owned()),
            Rule::RowTier => Self::RowTier,
            Rule::Owner => Self::Owner,
            Rule::Fresh(seconds) => Self::Fresh(seconds),
            Rule::FreshForTopTier(seconds) => Self::FreshForTopTier(seconds),
            Rule::NotImpersonated => Self::NotImpersonated,
            Rule::NotAnonymous => Self::NotAnonymous,
            Rule::AnyOf(rules) => Self::AnyOf(trees(rules)),
            Rule::AllOf(rules) => Self::AllOf(trees(rules)),
            Rule::Custom(rule) => Self::Custom(rule.name().to_owned()),
        }
    }
}

impl RuleTree {
    /// The rule. A [`Rule`] is static, so its parts are never freed: a command reads one table, and ends. A custom
    /// rule has its name only, and allows no caller: its decision is code.
    #[must_use]
    pub fn leak(&self) -> Rule {
        let text = |text: &String| -> &'static str { text.clone().leak() };
        let rules = |trees: &[Self]| -> &'static [Rule] {
            trees.iter().map(Self::leak).collect::<Vec<_>>().leak()
        };
        match self {
            Self::Public => Rule::Public,
            Self::SignedIn => Rule::SignedIn,
            Self::Service => Rule::Service,
            Self::Role(role) => Rule::Role(text(role)),
            Self::Permission(permission) => Rule::Permission(text(permission)),
            Self::Tier(tier) => Rule::Tier(text(tier)),
            Self::RowTier => Rule::RowTier,
            Self::Owner => Rule::Owner,
            Self::Fresh(seconds) => Rule::Fresh(*seconds),
            Self::FreshForTopTier(seconds) => Rule::FreshForTopTier(*seconds),
            Self::NotImpersonated => Rule::NotImpersonated,
            Self::NotAnonymous => Rule::NotAnonymous,
            Self::AnyOf(trees) => Rule::AnyOf(rules(trees)),
            Self::AllOf(trees) => Rule::AllOf(rules(trees)),
            Self::Custom(name) => Rule::custom(text(name), "", |_, _| false),
        }
    }

    /// The tree with a permission in place of each custom rule, which a caller has or lacks: custom rules of one name
    /// are taken for equal, and for independent of all other rules.
    #[must_use]
    pub fn with_permissions_for_custom(self) -> Self {
        let each =
            |trees: Vec<Self>| trees.into_iter().map(Self::with_permissions_for_custom).collect();
        match self {
            Self::Custom(name) => Self::Permission(format!("(meets {name})")),
            Self::AnyOf(trees) => Self::AnyOf(each(trees)),
            Self::AllOf(trees) => Self::AllOf(each(trees)),
            other => other,
        }
    }
}
