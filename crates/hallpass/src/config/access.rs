//! Settings of authorization.

use clap::Args;

use super::{OwnershipDenial, VisibleSchema};

/// How ownership is denied.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Authorization")]
pub struct AccessSettings {
    /// How a lookup, a change and `can` respond for another user's row: `hide` (as if it did not exist), or
    /// `forbid` (FORBIDDEN, which discloses that it exists)
    #[arg(long, env, value_enum, default_value = "hide")]
    pub ownership_denial: OwnershipDenial,

    /// The schema that a caller sees: `caller` (fields out of reach are unknown), or `full` (they are in the schema, and
    /// FORBIDDEN)
    #[arg(long, env, value_enum, default_value = "caller")]
    pub schema_view: VisibleSchema,
}
