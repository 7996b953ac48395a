//! Checks of the settings: authentication methods, tokens, sessions, origins, proxies and metrics.

use std::time::Duration;

use humantime::format_duration;
use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::Finding;
use super::render::list;
use crate::config::{Config, Environment, IdentityConfig, Origin, SettingState};

const ENVIRONMENT: &str = "environment";
const SESSIONS: &str = "sessions";
const ORIGINS: &str = "origins";
const METRICS: &str = "metrics";

/// A longer delay of sign-outs is reported as a warning.
const LONG_SESSION_TTL: Duration = Duration::from_secs(300);

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let identity = &config.identity;
    let mut findings = vec![environment(config)];
    findings.extend(config.own.states().map(own_setting));
    findings.extend(tenants(config));
    findings.extend(tokens(identity));
    findings.extend(shared_secret(identity));
    if identity.auth_server.is_some() {
        findings.push(sessions(identity));
    }
    if config.environment == Environment::Production {
        findings.extend(origins(config));
        findings.push(proxies(config));
        findings.push(metrics(config));
    }
    findings
}

fn environment(config: &Config) -> Finding {
    let identity = &config.identity;
    if config.environment == Environment::Development {
        let message = "development: a built-in issuer and personas, on this machine only; set \
                       BETTER_AUTH_URL to accept the users of a Better Auth server";
        return Finding::good(ENVIRONMENT, message);
    }
    let sources = [
        identity.auth_server.as_ref().map(|server| format!("the auth server {}", server.base)),
        identity.foreign_provider.as_ref().map(|issuer| format!("the provider {issuer}")),
        (!identity.jwt_secrets.is_empty()).then(|| "JWT_SECRET".to_owned()),
        identity.api_key_url.as_ref().map(|_| "API_KEY_VERIFY_URL".to_owned()),
    ];
    let sources: Vec<_> = sources.into_iter().flatten().collect();
    let sources =
        if sources.is_empty() { "the keys at JWKS_URL".to_owned() } else { list(&sources) };
    Finding::good(ENVIRONMENT, format!("production: callers are authenticated by {sources}"))
}

/// A setting of the application. Its value may be a secret, and is not shown.
fn own_setting((name, state): (&str, SettingState)) -> Finding {
    let state = match state {
        SettingState::Given => "is set",
        SettingState::Default => "has its default",
        SettingState::Unset => "is not set",
    };
    Finding::good("settings", format!("{name} {state}"))
}

/// Whether a claim names the tenant of callers, for an application with rows of tenants.
fn tenants(config: &Config) -> Option<Finding> {
    let name = "tenants";
    if !config.has_tenant_tables {
        return None;
    }
    Some(match &config.identity.claims.tenant {
        Some(claim) => {
            Finding::good(name, format!("the claim {claim} names a caller's organization"))
        }
        None => Finding::warning(
            name,
            "TENANT_CLAIM is not set, so that no caller has rows of an organization",
            "set TENANT_CLAIM=activeOrganizationId, the claim of Better Auth's sessions",
        ),
    })
}

/// The accepted issuers and audiences of JWTs, if any.
fn tokens(identity: &IdentityConfig) -> Option<Finding> {
    let mut accepted_values = Vec::new();
    let mut accepted = |name: &str, values: &[String]| {
        if !values.is_empty() {
            accepted_values.push(format!("{name} {}", list(values)));
        }
    };
    if identity.jwks_url.is_some() {
        accepted("JWT_ISSUER", &identity.issuers);
        accepted("JWT_AUDIENCE", &identity.audiences);
    }
    accepted("JWT_SECRET_ISSUER", &identity.jwt_secret_issuers);
    accepted("JWT_SECRET_AUDIENCE", &identity.jwt_secret_audiences);
    accepted("SSO_CLIENT_ID", &identity.client_ids);
    accepted("OAUTH_RESOURCE", &identity.oauth_resources);
    if !identity.client_ids.is_empty() || !identity.oauth_resources.is_empty() {
        accepted("OIDC_ISSUER", identity.oidc_issuer.as_slice());
    }
    (!accepted_values.is_empty())
        .then(|| Finding::good("tokens", format!("accepted: {}", accepted_values.join("; "))))
}

fn shared_secret(identity: &IdentityConfig) -> Option<Finding> {
    let shared = |secret: &secrecy::SecretString| {
        let same = |other: &secrecy::SecretString| other.expose_secret() == secret.expose_secret();
        identity.auth_secrets.iter().any(same)
    };
    identity.jwt_secrets.iter().any(shared).then(|| {
        Finding::warning(
            "JWT_SECRET",
            "JWT_SECRET is BETTER_AUTH_SECRET, with which Better Auth signs e-mail links and cookies, \
             but no bearer tokens",
            "remove JWT_SECRET to use the JWTs of the jwt plugin, or use a separate secret for your own signer",
        )
    })
}

fn sessions(identity: &IdentityConfig) -> Finding {
    let ttl = identity.session_ttl;
    let revocations = match identity.revocation_secrets.is_empty() {
        true => "revocations are not pushed (REVOCATION_SECRET)",
        false => "pushed revocations take effect at once",
    };
    let cache = match identity.trusts_cookie_cache {
        true => "COOKIE_CACHE is trust, so a cookie's `session_data` is trusted until it expires",
        false => "COOKIE_CACHE is off",
    };
    let bound = format_duration(ttl);
    if ttl.is_zero() {
        return Finding::warning(
            SESSIONS,
            "SESSION_CACHE_TTL is 0: each request validates its session at the auth server",
            "set SESSION_CACHE_TTL=30s, unless sign-outs must take effect within a second",
        );
    }
    let message = format!(
        "a sign-out takes effect within {bound} (SESSION_CACHE_TTL); {cache}; {revocations}"
    );
    if ttl > LONG_SESSION_TTL && identity.revocation_secrets.is_empty() {
        let fix = "set SESSION_CACHE_TTL=30s, or let the auth server push revocations \
                   (REVOCATION_SECRET)";
        return Finding::warning(SESSIONS, message, fix);
    }
    Finding::good(SESSIONS, message)
}

/// Checks ALLOWED_ORIGINS (CORS).
fn origins(config: &Config) -> Vec<Finding> {
    let allowed: Vec<_> = config.allowed_origins.iter().map(Origin::as_str).collect();
    let server = config.identity.auth_server.as_ref();
    let auth_origin = server.and_then(|server| origin_of(&server.base));
    if allowed.is_empty() && config.environment == Environment::Development {
        let message = "pages of this machine may send cookies, from any port, in development; a browser \
             keeps the cookies of localhost and 127.0.0.1 apart";
        return vec![Finding::good(ORIGINS, message)];
    }
    if allowed.is_empty() {
        let example = auth_origin.unwrap_or_else(|| "https://app.example.com".to_owned());
        return vec![Finding::warning(
            ORIGINS,
            "ALLOWED_ORIGINS is empty: browsers block web pages of other origins from reading responses \
             (CORS), and cookies from there are rejected",
            format!(
                "set ALLOWED_ORIGINS to the exact origin of your pages (such as {example}), and let \
                 them fetch with `credentials: \"include\"`"
            ),
        )];
    }
    let mut findings: Vec<_> = allowed
        .iter()
        .filter_map(|origin| origin_warning(origin, config, auth_origin.as_deref()))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::good(
            ORIGINS,
            format!(
                "pages of {} may send cookies: with `credentials: \"include\"`, by POST with JSON",
                list(&allowed)
            ),
        ));
    }
    findings
}

fn origin_warning(origin: &str, config: &Config, auth_origin: Option<&str>) -> Option<Finding> {
    let url = Url::parse(origin).ok()?;
    let host = url.host_str()?;
    let own = format!("http://{}", config.address);
    let secure = |other: &str| other.starts_with("https:");
    if origin == own {
        return Some(Finding::warning(
            ORIGINS,
            format!("ALLOWED_ORIGINS contains {origin}, which is this server itself"),
            format!("remove {origin}: this server's own pages are always allowed"),
        ));
    }
    let beside_https = auth_origin.is_some_and(secure)
        || config.allowed_origins.iter().any(|other| secure(other.as_str()));
    if !secure(origin) && beside_https && !is_loopback(host) {
        return Some(Finding::warning(
            ORIGINS,
            format!("ALLOWED_ORIGINS contains {origin}, an http origin beside https ones"),
            format!(
                "set ALLOWED_ORIGINS to {}: Secure cookies are not sent over http",
                origin.replacen("http", "https", 1)
            ),
        ));
    }
    let auth = Url::parse(auth_origin?).ok()?;
    let auth_host = auth.host_str()?;
    (is_loopback(host) && is_loopback(auth_host) && host != auth_host).then(|| {
        Finding::warning(
            ORIGINS,
            format!(
                "ALLOWED_ORIGINS contains {origin}, but BETTER_AUTH_URL is at {auth_host}: to a browser \
                 these are two hosts with separate cookies"
            ),
            format!("use the same host in the browser, ALLOWED_ORIGINS and BETTER_AUTH_URL: {auth_host}"),
        )
    })
}

fn proxies(config: &Config) -> Finding {
    if config.trusted_proxies.is_empty() {
        return Finding::warning(
            "proxies",
            "TRUSTED_PROXIES is empty: behind a proxy, all users have its address, and share one rate \
             limit here and at the auth server",
            "set TRUSTED_PROXIES to the network of the proxy (such as 10.0.0.0/8); not needed without a \
             proxy",
        );
    }
    if let Some(network) = config.trusted_proxies.iter().find(|it| it.prefix_len() == 0) {
        return Finding::warning(
            "proxies",
            format!(
                "TRUSTED_PROXIES contains {network}: any client can forge its address and bypass limits \
                 per address"
            ),
            "set TRUSTED_PROXIES to the networks of your proxies only, such as 10.0.0.0/8",
        );
    }
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    Finding::good("proxies", format!("X-Forwarded-For is trusted from {}", list(&networks)))
}

fn metrics(config: &Config) -> Finding {
    match config.metrics_address {
        Some(address) if address == config.address => Finding::wrong(
            METRICS,
            format!("METRICS_ADDR is {address}, the address of the API"),
            "set METRICS_ADDR to another port, or remove it",
        ),
        Some(address) => Finding::good(METRICS, format!("served on {address} (METRICS_ADDR)")),
        // Only in development, on a loopback address.
        None => Finding::good(METRICS, format!("served on {}, with the API", config.address)),
    }
}

pub(super) fn origin_of(address: &str) -> Option<String> {
    Url::parse(address).ok().map(|url| url.origin().ascii_serialization())
}

pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}
