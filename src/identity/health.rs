//! How identity is doing, for metrics and readiness.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Authenticator, KeysStatus};

/// How identity is doing.
#[derive(Clone, Debug)]
pub struct IdentityHealth {
    /// The auth server's key set, if there is one.
    pub keys: Option<KeysStatus>,
    /// Whether the auth server is not asked about sessions, because it failed again and again.
    pub sessions_paused: bool,
}

impl Authenticator {
    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> IdentityHealth {
        IdentityHealth {
            keys: self.schemes.keys.first_party.as_ref().map(|keys| keys.status()),
            sessions_paused: self.schemes.session_line.is_paused(),
        }
    }

    /// Puts the metrics of identity into `registry`.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        self.meter.register(registry);
        registry.register_collector(Box::new(Gauges(Arc::clone(self))));
    }
}

/// What is measured when it is asked for.
struct Gauges(Arc<Authenticator>);

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(authenticator) = self;
        let schemes = &authenticator.schemes;
        let status = authenticator.status();
        let (tokens, token_bytes) = schemes.tokens.size();
        let (sessions, session_bytes) = schemes.answers.size();
        let mut gauges = vec![
            (
                "hallpass_token_cache_entries",
                "Verified tokens that are remembered",
                as_seconds(tokens),
            ),
            (
                "hallpass_token_cache_bytes",
                "About how much memory they take",
                as_seconds(token_bytes),
            ),
            (
                "hallpass_session_cache_entries",
                "Answers about sessions that are remembered",
                as_seconds(sessions),
            ),
            (
                "hallpass_session_cache_bytes",
                "About how much memory they take",
                as_seconds(session_bytes),
            ),
            (
                "hallpass_revocation_bound_seconds",
                "How long a session may be believed after it was taken back, where nobody says so",
                authenticator.session_ttl.as_secs_f64(),
            ),
            (
                "hallpass_revocations_held",
                "Revocations in force",
                as_seconds(authenticator.revocations.count() as u64),
            ),
            (
                "hallpass_auth_server_paused",
                "1 while the auth server is not asked about sessions, because it failed again and again",
                f64::from(u8::from(status.sessions_paused)),
            ),
        ];
        if let Some(keys) = status.keys {
            gauges.extend(of_keys(&keys));
        }
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

fn of_keys(keys: &KeysStatus) -> Vec<(&'static str, &'static str, f64)> {
    vec![
        ("hallpass_keys", "Usable keys of the auth server", as_seconds(keys.keys as u64)),
        (
            "hallpass_keys_age_seconds",
            "Time since the key set was fetched",
            keys.age.unwrap_or(Duration::ZERO).as_secs_f64(),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 a metric need not be exact")]
fn as_seconds(number: u64) -> f64 {
    number as f64
}
