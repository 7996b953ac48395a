//! In which mode the server runs, where it listens, and how it stops: what is left out depends on the
//! environment.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ConfigError, Environment, Settings, wrong};

/// Where the server listens unless told otherwise.
const DEFAULT_PORT: u16 = 8000;

impl Settings {
    pub(super) fn environment(&self, has_identity: bool) -> Result<Environment, ConfigError> {
        match (self.hallpass_env, has_identity) {
            (None | Some(Environment::Production), true) => Ok(Environment::Production),
            (Some(Environment::Production), false) => wrong(
                "HALLPASS_ENV is production and nothing can sign callers in: set BETTER_AUTH_URL \
                 (or JWKS_URL, JWT_SECRET, OIDC_ISSUER, or API_KEY_VERIFY_URL)",
            ),
            (Some(Environment::Development), true) => wrong(
                "HALLPASS_ENV is development, whose built-in issuer must never stand beside a real \
                 one: remove it, or remove BETTER_AUTH_URL, JWKS_URL, JWT_SECRET, OIDC_ISSUER and \
                 API_KEY_VERIFY_URL",
            ),
            (None | Some(Environment::Development), false) => {
                if self.api_host.is_loopback() {
                    return Ok(Environment::Development);
                }
                wrong(format!(
                    "API_HOST is {}, and development mode gives anyone who can reach it an admin \
                     token: serve on 127.0.0.1, or set BETTER_AUTH_URL for production",
                    self.api_host
                ))
            }
        }
    }

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
