//! What one request may ask for.

use std::time::Duration;

/// What one request may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Levels of nested fields.
    pub depth: u32,
    /// See `MAX_COST`.
    pub cost: u64,
    /// Bytes of one answer.
    pub answer: usize,
    /// Aliases in one document.
    pub aliases: u64,
    /// Operations of one client at once.
    pub concurrent: usize,
    /// Time for one request.
    pub timeout: Duration,
}
