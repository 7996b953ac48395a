//! In which mode the server runs, where it listens, and how it stops: what is left out depends on the
//! environment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::values::{self, ProxyNetwork};
use super::{ConfigError, Environment, HumanDuration, Origin, invalid};

/// Where the server listens unless told otherwise.
const DEFAULT_PORT: u16 = 8000;

/// Where and how the server listens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Serving")]
pub struct ServingSettings {
    /// `development` (built-in issuer and personas, loopback only) or `production`. Left out, it is
    /// development exactly when no identity source is set
    #[arg(long, env, value_enum)]
    pub hallpass_env: Option<Environment>,

    /// Address to serve on
    #[arg(long, env, default_value = "127.0.0.1", value_parser = values::host)]
    pub api_host: IpAddr,

    /// Port to serve on; left out, 8000. 0 picks a free one. Also read from PORT
    #[arg(long, env, value_parser = values::port)]
    pub api_port: Option<u16>,

    #[arg(long, env, hide = true, value_parser = values::port)]
    port: Option<u16>,

    /// How long a connection is kept that is idle: without a request, or a WebSocket without an operation
    #[arg(long, env, default_value = "75s")]
    pub keep_alive: HumanDuration,

    /// How long connections are still accepted after SIGTERM, while `/ready` answers 503; left out, 5s in
    /// production and 0s in development
    #[arg(long, env)]
    pub drain_delay: Option<HumanDuration>,

    /// Address and port to serve `/metrics` on; left out, 127.0.0.1:9464 in production, and beside
    /// everything else in development
    #[arg(long, env, value_parser = values::host_and_port)]
    pub metrics_addr: Option<SocketAddr>,

    /// Exact origins of web pages that may call with cookies (CORS), comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// Networks (CIDR) or addresses of proxies whose X-Forwarded-For is believed, comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<ProxyNetwork>,

    /// Whether clients may ask for the schema (`true` or `false`); left out, only in development
    #[arg(long, env)]
    pub introspection: Option<bool>,

    /// What is logged
    #[arg(long, env, hide = true)]
    pub(super) rust_log: Option<String>,
}

impl ServingSettings {
    pub(super) fn environment(&self, has_identity: bool) -> Result<Environment, ConfigError> {
        match (self.hallpass_env, has_identity) {
            (None | Some(Environment::Production), true) => Ok(Environment::Production),
            (Some(Environment::Production), false) => invalid(
                "HALLPASS_ENV is production and nothing can sign callers in: set BETTER_AUTH_URL \
                 (or JWKS_URL, JWT_SECRET, OIDC_ISSUER, or API_KEY_VERIFY_URL)",
            ),
            (Some(Environment::Development), true) => invalid(
                "HALLPASS_ENV is development, whose built-in issuer must never stand beside a real \
                 one: remove it, or remove BETTER_AUTH_URL, JWKS_URL, JWT_SECRET, OIDC_ISSUER and \
                 API_KEY_VERIFY_URL",
            ),
            (None | Some(Environment::Development), false) => {
                if self.api_host.is_loopback() {
                    return Ok(Environment::Development);
                }
                invalid(format!(
                    "API_HOST is {}, and development mode gives anyone who can reach it an admin \
                     token: serve on 127.0.0.1, or set BETTER_AUTH_URL for production",
                    self.api_host
                ))
            }
        }
    }

    pub(super) fn port(&self) -> Result<u16, ConfigError> {
        match (self.api_port, self.port) {
            (Some(port), Some(other)) if port != other => invalid(format!(
                "API_PORT and PORT are one setting, and they disagree ({port} and {other}): keep \
                 API_PORT"
            )),
            (port, other) => Ok(port.or(other).unwrap_or(DEFAULT_PORT)),
        }
    }

    pub(super) fn keep_alive(&self) -> Result<Duration, ConfigError> {
        if self.keep_alive.0.is_zero() {
            return invalid("KEEP_ALIVE is 0, which leaves no time: give a time such as 5s");
        }
        Ok(self.keep_alive.0)
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
