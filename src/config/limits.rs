//! What one request may ask for.

use std::time::Duration;

use super::{ConfigError, Settings, wrong};

/// More than there are connections of clients.
const MAX_CONCURRENT: usize = 4096;
/// Clocks that differ by more are wrong, not different.
const MAX_LEEWAY: Duration = Duration::from_secs(300);

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

impl Settings {
    /// What one request may ask for, and the times that limit it.
    pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
        let [body, answer] = [self.max_body, self.max_answer]
            .map(|size| usize::try_from(size.as_u64()).unwrap_or(usize::MAX));
        if body == 0 {
            return wrong("MAX_BODY is 0, which refuses every request: give a size such as 256KiB");
        }
        if answer == 0 {
            return wrong("MAX_ANSWER is 0, which refuses every answer: give a size such as 4MiB");
        }
        for (name, value, usual) in
            [("MAX_DEPTH", u64::from(self.max_depth), 12), ("MAX_COST", self.max_cost, 1000)]
        {
            if value == 0 {
                return wrong(format!(
                    "{name} is 0, which refuses every query: give a number above 0, such as {usual}"
                ));
            }
        }
        if !(1..=MAX_CONCURRENT).contains(&self.max_concurrent) {
            return wrong(format!(
                "MAX_CONCURRENT is {}: give a number from 1 to {MAX_CONCURRENT}",
                self.max_concurrent
            ));
        }
        for (name, span) in [
            ("REQUEST_TIMEOUT", self.request_timeout),
            ("AUTH_TIMEOUT", self.auth_timeout),
            ("JWKS_TTL", self.jwks_ttl),
            ("KEEP_ALIVE", self.keep_alive),
        ] {
            if span.0.is_zero() {
                return wrong(format!("{name} is 0, which leaves no time: give a time such as 5s"));
            }
        }
        if self.jwt_leeway.0 > MAX_LEEWAY {
            return wrong(
                "JWT_LEEWAY is longer than 5m, which lets expired tokens live on: set the clocks \
                 right, and give a time such as 10s",
            );
        }
        Ok(Limits {
            body,
            depth: self.max_depth,
            cost: self.max_cost,
            answer,
            aliases: self.max_aliases,
            concurrent: self.max_concurrent,
            timeout: self.request_timeout.0,
        })
    }
}
