//! The settings by themselves: what they amount to, and what of that is worth knowing.

use std::time::Duration;

use humantime::format_duration;
use reqwest::Url;
use secrecy::ExposeSecret as _;

use super::Finding;
use super::render::list;
use crate::config::{Config, Environment, IdentityConfig};

const ENVIRONMENT: &str = "environment";
const SESSIONS: &str = "sessions";
const ORIGINS: &str = "origins";
const METRICS: &str = "metrics";

/// A sign-out that takes longer to count surprises people.
const LONG_SESSION_TTL: Duration = Duration::from_secs(300);

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let identity = &config.identity;
    let mut findings = vec![environment(config)];
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
                       BETTER_AUTH_URL to sign in the users of a Better Auth server";
        return Finding::good(ENVIRONMENT, message);
    }
    let by = [
        identity.auth_server.as_ref().map(|server| format!("the auth server {}", server.base)),
        identity.foreign_provider.as_ref().map(|issuer| format!("the provider {issuer}")),
        (!identity.jwt_secrets.is_empty()).then(|| "JWT_SECRET".to_owned()),
        identity.api_key_url.as_ref().map(|_| "API_KEY_VERIFY_URL".to_owned()),
    ];
    let by: Vec<_> = by.into_iter().flatten().collect();
    let by = if by.is_empty() { "the keys at JWKS_URL".to_owned() } else { list(&by) };
    Finding::good(ENVIRONMENT, format!("production: callers are recognized by {by}"))
}

/// What JWTs have to say, where any are let in.
fn tokens(identity: &IdentityConfig) -> Option<Finding> {
    let mut said = Vec::new();
    let mut accepted = |name: &str, values: &[String]| {
        if !values.is_empty() {
            said.push(format!("{name} {}", list(values)));
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
    (!said.is_empty()).then(|| Finding::good("tokens", format!("accepted: {}", said.join("; "))))
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
             and no bearer token",
            "remove JWT_SECRET to use the JWTs of the jwt plugin, or give your own signer its own",
        )
    })
}

fn sessions(identity: &IdentityConfig) -> Finding {
    let ttl = identity.session_ttl;
    let revocations = match identity.revocation_secrets.is_empty() {
        true => "no revocations are pushed (REVOCATION_SECRET)",
        false => "revocations that the auth server pushes count at once",
    };
    let cache = match identity.trusts_cookie_cache {
        true => "COOKIE_CACHE is trust, so that a cookie's `session_data` is believed to its end",
        false => "COOKIE_CACHE is off",
    };
    let bound = format_duration(ttl);
    if ttl.is_zero() {
        return Finding::warning(
            SESSIONS,
            "SESSION_CACHE_TTL is 0: each request asks the auth server about its session",
            "set SESSION_CACHE_TTL=30s, unless a sign-out has to count within the second",
        );
    }
    let message =
        format!("a sign-out counts within {bound} (SESSION_CACHE_TTL); {cache}; {revocations}");
    if ttl > LONG_SESSION_TTL && identity.revocation_secrets.is_empty() {
        let fix = "set SESSION_CACHE_TTL=30s, or have the auth server push revocations \
                   (REVOCATION_SECRET)";
        return Finding::warning(SESSIONS, message, fix);
    }
    Finding::good(SESSIONS, message)
}

/// Which pages may call with cookies (CORS).
fn origins(config: &Config) -> Vec<Finding> {
    let allowed: Vec<_> = config.allowed_origins.iter().map(|origin| origin.0.as_str()).collect();
    let server = config.identity.auth_server.as_ref();
    let auth_origin = server.and_then(|server| origin_of(&server.base));
    if allowed.is_empty() {
        let example = auth_origin.unwrap_or_else(|| "https://app.example.com".to_owned());
        return vec![Finding::warning(
            ORIGINS,
            "ALLOWED_ORIGINS is empty: browsers keep this server's answers from web pages of other \
             origins (CORS), and cookies from there are refused",
            format!(
                "set ALLOWED_ORIGINS to the exact origin of your pages (such as {example}), and let \
                 them call with `credentials: \"include\"`"
            ),
        )];
    }
    let mut findings: Vec<_> = allowed
        .iter()
        .filter_map(|origin| doubtful(origin, config, auth_origin.as_deref()))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::good(
            ORIGINS,
            format!(
                "pages of {} may call with cookies: with `credentials: \"include\"`, by POST with JSON",
                list(&allowed)
            ),
        ));
    }
    findings
}

fn doubtful(origin: &str, config: &Config, auth_origin: Option<&str>) -> Option<Finding> {
    let url = Url::parse(origin).ok()?;
    let host = url.host_str()?;
    let own = format!("http://{}", config.address);
    let secure = |other: &str| other.starts_with("https:");
    if origin == own {
        return Some(Finding::warning(
            ORIGINS,
            format!("ALLOWED_ORIGINS holds {origin}, which is this server itself"),
            format!("remove {origin}: its own pages need no permission"),
        ));
    }
    let beside_https = auth_origin.is_some_and(secure)
        || config.allowed_origins.iter().any(|other| secure(&other.0));
    if !secure(origin) && beside_https && !is_loopback(host) {
        return Some(Finding::warning(
            ORIGINS,
            format!("ALLOWED_ORIGINS holds {origin}, an http origin beside https ones"),
            format!(
                "set ALLOWED_ORIGINS to {}: no Secure cookie comes from http",
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
                "ALLOWED_ORIGINS holds {origin}, and BETTER_AUTH_URL is at {auth_host}: to a browser \
                 these are two hosts, with cookies of their own"
            ),
            format!("use one name in the browser, ALLOWED_ORIGINS and BETTER_AUTH_URL: {auth_host}"),
        )
    })
}

fn proxies(config: &Config) -> Finding {
    if config.trusted_proxies.is_empty() {
        return Finding::warning(
            "proxies",
            "TRUSTED_PROXIES is empty: behind a proxy, all users have its address, and share one rate \
             limit here and at the auth server",
            "set TRUSTED_PROXIES to the network of the proxy (such as 10.0.0.0/8); without a proxy, \
             all is well",
        );
    }
    if let Some(network) = config.trusted_proxies.iter().find(|it| it.prefix_len() == 0) {
        return Finding::warning(
            "proxies",
            format!(
                "TRUSTED_PROXIES holds {network}: any client can claim any address, and no limit per \
                 address holds"
            ),
            "set TRUSTED_PROXIES to the networks of your proxies alone, such as 10.0.0.0/8",
        );
    }
    let networks: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    Finding::good("proxies", format!("X-Forwarded-For is believed from {}", list(&networks)))
}

fn metrics(config: &Config) -> Finding {
    match config.metrics_address {
        Some(address) if address == config.address => Finding::wrong(
            METRICS,
            format!("METRICS_ADDR is {address}, where the server itself listens"),
            "give METRICS_ADDR another port, or remove it",
        ),
        Some(address) => Finding::good(METRICS, format!("served on {address} (METRICS_ADDR)")),
        // In development alone, which is on loopback.
        None => Finding::good(METRICS, format!("served on {}, beside the API", config.address)),
    }
}

pub(super) fn origin_of(address: &str) -> Option<String> {
    Url::parse(address).ok().map(|url| url.origin().ascii_serialization())
}

pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}
