//! Health and gauges of authentication, for readiness checks and metrics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Authenticator, KeysStatus};

/// Health of authentication.
#[derive(Clone, Debug)]
pub struct IdentityHealth {
    /// The auth server's key set, if there is one.
    pub keys: Option<KeysStatus>,
    /// Whether the circuit breaker for session validation is open.
    pub sessions_paused: bool,
}

impl Authenticator {
    /// The current health.
    #[must_use]
    pub fn status(&self) -> IdentityHealth {
        IdentityHealth {
            keys: self.schemes.keys.first_party.as_ref().map(|keys| keys.status()),
            sessions_paused: self.schemes.session_endpoint.is_paused(),
        }
    }

    /// Registers the metrics of authentication.
    pub fn register(self: &Arc<Self>, registry: &mut Registry) {
        self.metrics.register(registry);
        registry.register_collector(Box::new(Gauges(Arc::clone(self))));
    }
}

/// Gauges, measured when they are scraped.
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
        let (sessions, session_bytes) = schemes.validated.size();
        let mut gauges = vec![
            ("hallpass_token_cache_entries", "Verified tokens in the cache", as_f64(tokens)),
            (
                "hallpass_token_cache_bytes",
                "Approximate size of the token cache",
                as_f64(token_bytes),
            ),
            (
                "hallpass_session_cache_entries",
                "Session validation results in the cache",
                as_f64(sessions),
            ),
            (
                "hallpass_session_cache_bytes",
                "Approximate size of the session cache",
                as_f64(session_bytes),
            ),
            (
                "hallpass_revocation_bound_seconds",
                "Maximum time until a revoked session is rejected without a pushed revocation",
                authenticator.session_ttl.as_secs_f64(),
            ),
            (
                "hallpass_revocations_active",
                "Revocations in force",
                as_f64(authenticator.revocations.count() as u64),
            ),
            (
                "hallpass_auth_circuit_open",
                "1 while the circuit breaker for session validation is open",
                f64::from(u8::from(status.sessions_paused)),
            ),
        ];
        if let Some(keys) = status.keys {
            gauges.extend(key_gauges(&keys));
        }
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

fn key_gauges(keys: &KeysStatus) -> Vec<(&'static str, &'static str, f64)> {
    vec![
        ("hallpass_jwks_keys", "Usable keys of the auth server", as_f64(keys.keys as u64)),
        (
            "hallpass_jwks_age_seconds",
            "Time since the key set was fetched",
            keys.age.unwrap_or(Duration::ZERO).as_secs_f64(),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 a metric need not be exact")]
fn as_f64(number: u64) -> f64 {
    number as f64
}
