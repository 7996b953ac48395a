//! Settings of serving: mode, addresses and shutdown. Some defaults depend on the mode.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use clap::Args;
use reqwest::Url;
use secrecy::SecretString;
use uuid::Uuid;

use super::values::{self, ProxyNetwork, RequestHeader};
use super::{ConfigError, Environment, HumanDuration, LogFilter, LogFormat, Origin, invalid};

/// The default port.
const DEFAULT_PORT: u16 = 8000;

/// A Unix socket to serve on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocketPath {
    /// Its path.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
}

/// Where and how the server listens.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Serving")]
pub struct ServingSettings {
    /// `development` (built-in issuer and personas, loopback only) or `production`. Default:
    /// `development` if no authentication method is configured, otherwise `production`
    #[arg(long, env, value_enum)]
    pub hallpass_env: Option<Environment>,

    /// Address to serve on
    #[arg(long, env, default_value = "127.0.0.1", value_parser = values::host)]
    pub api_host: IpAddr,

    /// Port to serve on; default 8000. 0 selects a free port. Also read from PORT
    #[arg(long, env, value_parser = values::port)]
    pub api_port: Option<u16>,

    #[arg(long, env, hide = true, value_parser = values::port)]
    port: Option<u16>,

    /// Path of a Unix socket to serve on, in place of API_HOST and API_PORT; its clients are trusted proxies
    #[arg(long, env)]
    pub api_socket: Option<PathBuf>,

    /// Permissions of API_SOCKET, in octal; default 0660 in production and 0600 in development
    #[arg(long, env, value_parser = values::mode)]
    pub api_socket_mode: Option<u32>,

    /// Idle timeout of a connection: without a request, or of a WebSocket without an operation
    #[arg(long, env, default_value = "75s")]
    pub keep_alive: HumanDuration,

    /// How long connections are still accepted after SIGTERM, while `/ready` returns 503; default 5s in
    /// production and 0s in development
    #[arg(long, env)]
    pub drain_delay: Option<HumanDuration>,

    /// Address and port to serve `/metrics` on; default 127.0.0.1:9464 in production, and API_HOST and
    /// API_PORT in development
    #[arg(long, env, value_parser = values::host_and_port)]
    pub metrics_addr: Option<SocketAddr>,

    /// Origins of web pages and apps that may send cookies (CORS), comma-separated: `https://app.example.com`,
    /// `capacitor://localhost`, or `https://*.preview.example.com` for one label below a name of your own; in
    /// development, also pages of this machine, at any port
    #[arg(long, env, value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// Headers that pages of those origins may send, comma-separated; default all that they ask for
    #[arg(long, env, value_delimiter = ',')]
    pub allowed_headers: Option<Vec<RequestHeader>>,

    /// Networks (CIDR) or addresses of proxies whose X-Forwarded-For is trusted, comma-separated
    #[arg(long, env, value_delimiter = ',')]
    pub trusted_proxies: Vec<ProxyNetwork>,

    /// Whether introspection is enabled (`true` or `false`); default only in development
    #[arg(long, env)]
    pub introspection: Option<bool>,

    /// Format of the log: lines of text, or one JSON object per line
    #[arg(long, env, value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Key of the hashes of callers' ids and clients' addresses in the log; default a random one for each start. With
    /// the same key, all nodes and starts log the same hashes
    #[arg(long, env, hide_env_values = true)]
    pub log_id_key: Option<SecretString>,

    /// Base URL of an OpenTelemetry collector, to which traces are sent by OTLP over HTTP, such as
    /// http://localhost:4318
    #[arg(long, env, value_parser = values::collector)]
    pub otel_exporter_otlp_endpoint: Option<Url>,

    /// Name of this service in traces
    #[arg(long, env, default_value = "hallpass")]
    pub otel_service_name: String,

    /// Log filter
    #[arg(long, env, hide = true)]
    pub(super) rust_log: Option<LogFilter>,
}

/// Where traces are sent.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The collector; none without traces.
    pub endpoint: Option<Url>,
    /// The name of this service.
    pub service_name: String,
}

impl ServingSettings {
    pub(super) fn environment(&self, has_identity: bool) -> Result<Environment, ConfigError> {
        match (self.hallpass_env, has_identity) {
            (None | Some(Environment::Production), true) => Ok(Environment::Production),
            (Some(Environment::Production), false) => invalid(
                "HALLPASS_ENV is production, and no authentication method is configured: set BETTER_AUTH_URL \
                 (or JWKS_URL, JWT_SECRET, OIDC_ISSUER, or API_KEY_VERIFY_URL)",
            ),
            (Some(Environment::Development), true) => invalid(
                "HALLPASS_ENV is development, whose built-in issuer must not be combined with a real \
                 one: remove it, or remove BETTER_AUTH_URL, JWKS_URL, JWT_SECRET, OIDC_ISSUER and \
                 API_KEY_VERIFY_URL",
            ),
            (None | Some(Environment::Development), false) => {
                if self.api_socket.is_some() {
                    return self.check_development_socket();
                }
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

    /// The headers that pages of other origins may send, if they are limited.
    pub(super) fn headers(&self) -> Option<Vec<HeaderName>> {
        let headers = self.allowed_headers.as_ref()?;
        Some(headers.iter().map(|header| header.0.clone()).collect())
    }

    pub(super) fn telemetry(&self) -> TelemetrySettings {
        TelemetrySettings {
            endpoint: self.otel_exporter_otlp_endpoint.clone(),
            service_name: self.otel_service_name.clone(),
        }
    }

    /// The key of the hashes of callers' ids and clients' addresses in the log.
    pub(super) fn log_id_key(&self) -> SecretString {
        self.log_id_key.clone().unwrap_or_else(|| Uuid::now_v7().to_string().into())
    }

    /// The socket of development mode is open to its owner only.
    fn check_development_socket(&self) -> Result<Environment, ConfigError> {
        match self.api_socket_mode {
            Some(mode) if mode & 0o077 != 0 => invalid(format!(
                "API_SOCKET_MODE is {mode:04o}, and development mode gives anyone who can open the socket an \
                 admin token: use 0600, or set BETTER_AUTH_URL for production"
            )),
            Some(_) | None => Ok(Environment::Development),
        }
    }

    /// The Unix socket to serve on, if any.
    pub(super) fn socket(
        &self,
        environment: Environment,
    ) -> Result<Option<UnixSocketPath>, ConfigError> {
        let Some(path) = self.api_socket.clone() else { return Ok(None) };
        if self.api_port.is_some() {
            return invalid(
                "API_SOCKET and API_PORT are both set, and the server serves on one of them: remove API_PORT",
            );
        }
        let mode = self.api_socket_mode.unwrap_or(match environment {
            Environment::Development => 0o600,
            Environment::Production => 0o660,
        });
        Ok(Some(UnixSocketPath { path, mode }))
    }

    /// The port to serve on.
    ///
    /// # Errors
    /// If API_PORT and PORT differ.
    pub(crate) fn port(&self) -> Result<u16, ConfigError> {
        match (self.api_port, self.port) {
            (Some(port), Some(other)) if port != other => invalid(format!(
                "API_PORT and PORT are one setting, and their values differ ({port} and {other}): keep \
                 API_PORT"
            )),
            (port, other) => Ok(port.or(other).unwrap_or(DEFAULT_PORT)),
        }
    }

    pub(super) fn keep_alive(&self) -> Result<Duration, ConfigError> {
        if self.keep_alive.0.is_zero() {
            return invalid("KEEP_ALIVE is 0, which allows no time: give a duration such as 5s");
        }
        Ok(self.keep_alive.0)
    }

    /// How long connections are still accepted. In production, a load balancer needs a while to notice that
    /// `/ready` fails.
    pub(super) fn drain_delay(&self, environment: Environment) -> Duration {
        match (self.drain_delay, environment) {
            (Some(delay), _) => delay.0,
            (None, Environment::Development) => Duration::ZERO,
            (None, Environment::Production) => Duration::from_secs(5),
        }
    }

    /// A separate address for metrics, if any. In production, the default is not public.
    pub(super) fn metrics_address(&self, environment: Environment) -> Option<SocketAddr> {
        match (self.metrics_addr, environment) {
            (Some(address), _) => Some(address),
            (None, Environment::Development) => None,
            (None, Environment::Production) => Some(SocketAddr::from(([127, 0, 0, 1], 9464))),
        }
    }
}
