//! Settings that choose between named behaviours.

/// Development or production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Built-in issuer and personas, loopback only.
    Development,
    /// Callers are recognized by the configured sources alone.
    Production,
}

/// Whether the database itself keeps rows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RowSecurity {
    /// The scopes alone do.
    Off,
    /// It does too.
    On,
}

/// What an acknowledged write outlives on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SqliteSynchronous {
    /// A loss of power.
    Full,
    /// A crash of the server.
    Normal,
}

/// How another's row is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OwnershipDenial {
    /// It reads as not there.
    Hide,
    /// It reads as forbidden.
    Forbid,
}
