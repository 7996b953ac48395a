//! Where the server listens, and how it stops: what is left out depends on the environment.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ConfigError, Environment, Settings, wrong};

/// Where the server listens unless told otherwise.
const DEFAULT_PORT: u16 = 8000;

impl Settings {
    pub(super) fn port(&self) -> Result<u16, ConfigError> {
        match (self.api_port, self.port) {
            (Some(port), Some(other)) if port != other => wrong(format!(
                "API_PORT and PORT are one setting, and they disagree ({port} and {other}): keep \
                 API_PORT"
            )),
            (port, other) => Ok(port.or(other).unwrap_or(DEFAULT_PORT)),
        }
    }

    /// How long connections are still accepted. In production a balancer needs a while to notice that
    /// `/ready` fails.
    pub(super) fn drain_delay(&self, environment: Environment) -> Duration {
        match (self.drain_delay, environment) {
            (Some(delay), _) => delay.0,
            (None, Environment::Development) => Duration::ZERO,
            (None, Environment::Production) => Duration::from_secs(5),
        }
    }

    /// Where metrics are served, if not beside everything else. In production they are out of the public's
    /// reach unless told otherwise.
    pub(super) fn metrics_address(&self, environment: Environment) -> Option<SocketAddr> {
        match (self.metrics_addr, environment) {
            (Some(address), _) => Some(address),
            (None, Environment::Development) => None,
            (None, Environment::Production) => Some(SocketAddr::from(([127, 0, 0, 1], 9464))),
        }
    }
}
