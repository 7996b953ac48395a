//! Settings with a fixed set of values.

/// Development or production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Built-in issuer and personas, loopback only.
    Development,
    /// Only the configured authentication methods.
    Production,
}

/// Whether the database enforces ownership too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RowSecurity {
    /// Not enforced by the database.
    Off,
    /// Enforced by PostgreSQL row-level security.
    On,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Whether clients can persist documents, and send their hash only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PersistedQueries {
    /// They send the document.
    Off,
    /// They can.
    On,
}

/// Durability of an acknowledged write on SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SqliteSynchronous {
    /// Survives a power failure.
    Full,
    /// Survives a crash of the server.
    Normal,
}

/// The schema that a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum VisibleSchema {
    /// The fields that the caller can reach. Others are unknown.
    Caller,
    /// All fields. Those out of reach are denied with FORBIDDEN.
    Full,
}

/// How access to another user's row is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OwnershipDenial {
    /// As if the row did not exist.
    Hide,
    /// With FORBIDDEN.
    Forbid,
}
