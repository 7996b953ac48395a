//! Limits of one request.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::{
    ConfigError, Environment, HumanDuration, PersistedQueries, RateLimit, RateLimits, invalid,
    values,
};
use hallpass_identity::Tiers;

/// More than the number of client connections.
const MAX_CONCURRENT: usize = 4096;

/// Limits of one request.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// Maximum request body; six times as much for callers of mutations with long texts
    #[arg(long, env, default_value = "256KiB", value_parser = values::size)]
    pub max_body: ByteSize,

    /// Maximum depth of a query; introspection has a separate limit
    #[arg(long, env, default_value = "12", value_parser = values::number::<u32>)]
    pub max_depth: u32,

    /// Maximum cost of a query, in points: one per object, a tenth per scalar field, more for long texts,
    /// searches and counts; multiplied by the length of lists
    #[arg(long, env, default_value = "1000", value_parser = values::number::<u64>)]
    pub max_cost: u64,

    /// Maximum size of a response, or of one subscription event, counted while it is built
    #[arg(long, env, default_value = "4MiB", value_parser = values::size)]
    pub max_answer: ByteSize,

    /// Maximum number of aliases in a query
    #[arg(long, env, default_value = "30", value_parser = values::number::<u64>)]
    pub max_aliases: u64,

    /// Query cost per time, in points, of each user, API key, service, and address of anonymous callers: a rate
    /// such as 600/min, or one for each tier: anonymous=120/min,free=600/min,premium=3000/min; or off. Default
    /// 600/min in production and off in development
    #[arg(long, env)]
    pub rate_limit: Option<RateLimit>,

    /// Automatic persisted queries: a client sends the SHA-256 of a document, and the document once
    #[arg(long, env, value_enum, default_value = "on")]
    pub apq: PersistedQueries,

    /// File with trusted documents: the manifest that graphql-codegen's client preset, Relay's compiler or Apollo's
    /// tools write. Read again when it changes, and on SIGHUP
    #[arg(long, env)]
    pub trusted_documents: Option<PathBuf>,

    /// Whether other documents are rejected (`true` or `false`); not in development
    #[arg(long, env, action = clap::ArgAction::Set, default_value = "false")]
    pub trusted_only: bool,

    /// Role whose callers may send other documents while TRUSTED_ONLY is true
    #[arg(long, env)]
    pub trusted_exempt_role: Option<String>,

    /// Maximum concurrent operations of one caller; the anonymous callers of one address (IPv6: one /64
    /// network) count together
    #[arg(long, env, default_value = "16", value_parser = values::number::<usize>)]
    pub max_concurrent: usize,

    /// Timeout for receiving a request body, and for executing the request
    #[arg(long, env, default_value = "10s")]
    pub request_timeout: HumanDuration,
}

/// The checked settings of trusted documents.
#[derive(Clone, Debug)]
pub struct TrustedSettings {
    /// The manifest.
    pub file: PathBuf,
    /// Whether other documents are rejected.
    pub trusted_only: bool,
    /// The role whose callers may send other documents.
    pub exempt_role: Option<String>,
}

/// The checked limits of one request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Depth of a query.
    pub depth: u32,
    /// Cost of a query, in points.
    pub cost: u64,
    /// Bytes of one response.
    pub answer: usize,
    /// Aliases in one document.
    pub aliases: u64,
    /// Concurrent operations of one client.
    pub concurrent: usize,
    /// Time for one request.
    pub timeout: Duration,
}

impl LimitSettings {
    /// The rates of callers, checked. None without a limit.
    pub(super) fn rate_limits(
        &self,
        environment: Environment,
        tiers: &Tiers,
    ) -> Result<Option<RateLimits>, ConfigError> {
        let limit = match (&self.rate_limit, environment) {
            (Some(limit), _) => limit.clone(),
            (None, Environment::Development) => RateLimit::Off,
            (None, Environment::Production) => RateLimit::Rates(Vec::new()),
        };
        RateLimits::check(limit, tiers)
    }

    /// Trusted documents, checked. None without a file.
    pub(super) fn trusted(
        &self,
        environment: Environment,
    ) -> Result<Option<TrustedSettings>, ConfigError> {
        if self.trusted_exempt_role.is_some() && !self.trusted_only {
            return invalid(
                "TRUSTED_EXEMPT_ROLE has no effect: set TRUSTED_ONLY=true, or remove it",
            );
        }
        let Some(file) = self.trusted_documents.clone() else {
            if self.trusted_only {
                return invalid(
                    "TRUSTED_ONLY is true, and TRUSTED_DOCUMENTS is not set, which rejects every query: \
                     set TRUSTED_DOCUMENTS to a manifest",
                );
            }
            return Ok(None);
        };
        Ok(Some(TrustedSettings {
            file,
            trusted_only: self.trusted_only && environment == Environment::Production,
            exempt_role: self.trusted_exempt_role.clone(),
        }))
    }

    /// The limits, checked.
    pub(super) fn check(&self) -> Result<Limits, ConfigError> {
        let [body, answer] = [self.max_body, self.max_answer]
            .map(|size| usize::try_from(size.as_u64()).unwrap_or(usize::MAX));
        if body == 0 {
            return invalid(
                "MAX_BODY is 0, which rejects every request: give a size such as 256KiB",
            );
        }
        if answer == 0 {
            return invalid(
                "MAX_ANSWER is 0, which rejects every response: give a size such as 4MiB",
            );
        }
        for (name, value, usual) in
            [("MAX_DEPTH", u64::from(self.max_depth), 12), ("MAX_COST", self.max_cost, 1000)]
        {
            if value == 0 {
                return invalid(format!(
                    "{name} is 0, which rejects every query: give a number above 0, such as {usual}"
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
            return invalid(
                "REQUEST_TIMEOUT is 0, which allows no time: give a duration such as 5s",
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
