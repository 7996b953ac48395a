//! The settings of authorization.

use clap::Args;

use super::{OwnershipDenial, RoleInheritance};

/// What roles imply, and how ownership is denied.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authorization")]
pub struct AccessSettings {
    /// Which role implies which, as chains separated by commas: an admin may do whatever an editor may;
    /// empty for none
    #[arg(long, env, default_value = "admin>editor>user")]
    pub role_inherits: RoleInheritance,

    /// What a lookup, a change, and `can` answer about another's row: `hide` (as if it were not there), or
    /// `forbid` (FORBIDDEN, which tells that it is there)
    #[arg(long, env, value_enum, default_value = "hide")]
    pub ownership_denial: OwnershipDenial,
}
