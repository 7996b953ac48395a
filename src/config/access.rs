//! The settings of authorization.

use clap::Args;

use super::{OwnershipDenial, RoleInheritance};

/// Role inheritance, and how ownership is denied.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authorization")]
pub struct AccessSettings {
    /// Role inheritance, as chains separated by commas: with `admin>editor`, an admin has the rights of an editor;
    /// empty for none
    #[arg(long, env, default_value = "admin>editor>user")]
    pub role_inherits: RoleInheritance,

    /// How a lookup, a change and `can` respond for another user's row: `hide` (as if it did not exist), or
    /// `forbid` (FORBIDDEN, which discloses that it exists)
    #[arg(long, env, value_enum, default_value = "hide")]
    pub ownership_denial: OwnershipDenial,
}
