//! What decisions are about: the caller, the policy, and attributes of the row.

use crate::config::{RoleInheritance, Tiers};
use hallpass_identity::Caller;

/// Configured tiers and role inheritance.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Tiers, lowest first.
    pub tiers: Tiers,
    /// Which roles imply which others.
    pub roles: RoleInheritance,
}

/// The subject of a decision: the caller, and the policy.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The caller. None if no caller is signed in.
    pub caller: Option<&'a Caller>,
    /// Tiers and roles.
    pub policy: &'a Policy,
}

/// Attributes of the row that a rule evaluates. The default, without a row, meets no rule on rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceAttributes<'a> {
    /// Whether the caller owns the row.
    pub is_owner: bool,
    /// Lowest tier that may read the row.
    pub required_tier: Option<&'a str>,
}

impl ResourceAttributes<'_> {
    /// Attributes for a mutation before its statement runs: the statement enforces ownership itself.
    pub const ASSUME_OWNER: Self = Self { is_owner: true, required_tier: None };
}
