//! What one request may ask for.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::{ConfigError, HumanDuration, invalid, values};

/// More than there are connections of clients.
const MAX_CONCURRENT: usize = 4096;

/// Limits of one request.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Largest request body; six times as much for callers who may write chapters
    #[arg(long, env, default_value = "256KiB", value_parser = values::size)]
    pub max_body: ByteSize,

    /// Deepest nesting of a query's fields; introspection has a limit of its own
    #[arg(long, env, default_value = "12", value_parser = values::number::<u32>)]
    pub max_depth: u32,

    /// Highest cost of a query, in points: one for each object, a tenth for each plain field, more for long
    /// texts, searches and counts; lists multiplied by their length
    #[arg(long, env, default_value = "1000", value_parser = values::number::<u64>)]
    pub max_cost: u64,

    /// Largest answer to one request, or event of a subscription, counted while it is made
    #[arg(long, env, default_value = "4MiB", value_parser = values::size)]
    pub max_answer: ByteSize,

    /// Most aliases in a query
    #[arg(long, env, default_value = "30", value_parser = values::number::<u64>)]
    pub max_aliases: u64,

    /// Operations of one caller that run at once; anonymous callers of one address (IPv6: one /64 network)
    /// share theirs
    #[arg(long, env, default_value = "16", value_parser = values::number::<usize>)]
    pub max_concurrent: usize,

    /// How long a request's body may take to arrive, and its answer to be made
    #[arg(long, env, default_value = "10s")]
    pub request_timeout: HumanDuration,
}

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

impl LimitSettings {
    /// The limits, checked.
    pub(super) fn check(&self) -> Result<Limits, ConfigError> {
        let [body, answer] = [self.max_body, self.max_answer]
            .map(|size| usize::try_from(size.as_u64()).unwrap_or(usize::MAX));
        if body == 0 {
            return invalid(
                "MAX_BODY is 0, which refuses every request: give a size such as 256KiB",
            );
        }
        if answer == 0 {
            return invalid(
                "MAX_ANSWER is 0, which refuses every answer: give a size such as 4MiB",
            );
        }
        for (name, value, usual) in
            [("MAX_DEPTH", u64::from(self.max_depth), 12), ("MAX_COST", self.max_cost, 1000)]
        {
            if value == 0 {
                return invalid(format!(
                    "{name} is 0, which refuses every query: give a number above 0, such as {usual}"
                ));
            }
        }
        if !(1..=MAX_CONCURRENT).contains(&self.max_concurrent) {
            return invalid(format!(
                "MAX_CONCURRENT is {}: give a number from 1 to {MAX_CONCURRENT}",
                self.max_concurrent
            ));
        }
        if self.request_timeout.0.is_zero() {
            return invalid("REQUEST_TIMEOUT is 0, which leaves no time: give a time such as 5s");
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
