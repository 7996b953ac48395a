//! Checks of the auth server: reachability, clock, session endpoint, cookie name and secret.

use axum::http::StatusCode;
use chrono::TimeDelta;
use humantime::format_duration;
use reqwest::Url;
use serde_json::{Value, json};

use super::render::{plain, printable, span};
use super::setup::{is_loopback, origin_of};
use super::{Doctor, Finding, Observations};
use hallpass_identity::{PROBE_ADDRESS, ProbeResponse, ProbeResult};

pub(super) const AUTH_SERVER: &str = "auth server";
pub(super) const GET_SESSION: &str = "get-session";
const CLOCK: &str = "clock";
const COOKIES: &str = "cookies";
const SECRET: &str = "secret";

/// Common base paths of Better Auth, tried if the configured one fails.
const COMMON_BASE_PATHS: [&str; 4] = ["/api/auth", "/auth", "/api/better-auth", ""];

pub(super) async fn check(doctor: &Doctor, findings: &mut Vec<Finding>) -> Observations {
    let mut observed = Observations::default();
    let Some(server) = &doctor.config.identity.auth_server else { return observed };
    let result = doctor.probe.get(&format!("{}/ok", server.base)).await;
    observed.clock = result.as_ref().ok().and_then(|reply| reply.clock);
    observed.auth_server_answers = result.as_ref().is_ok_and(is_better_auth);
    findings.push(health(doctor, &server.base, &result).await);
    if let Some(clock) = observed.clock {
        findings.push(clock_finding(doctor, clock));
    }
    if !observed.auth_server_answers {
        return observed;
    }
    let anonymous = doctor.probe.probe_anonymous_session(PROBE_ADDRESS).await;
    findings.push(get_session(&anonymous));
    observed.session = doctor.probe.dummy_session(PROBE_ADDRESS).await;
    findings.push(cookies(doctor, &observed));
    findings.extend(secret(doctor, &observed));
    observed
}

fn is_better_auth(reply: &ProbeResponse) -> bool {
    reply.status == StatusCode::OK && reply.body == Some(json!({"ok": true}))
}

async fn health(doctor: &Doctor, base: &str, result: &ProbeResult) -> Finding {
    let wrong = |message: String, fix: String| Finding::wrong(AUTH_SERVER, message, fix);
    let reply = match result {
        Ok(reply) if is_better_auth(reply) => return healthy(doctor, base),
        Ok(reply) => reply,
        Err(reason) => return no_response(base, reason),
    };
    if let Some(location) = &reply.location {
        let there = origin_of(location).filter(|it| it != "null");
        let fix = match there.filter(|it| Some(it) != origin_of(base).as_ref()) {
            Some(origin) => format!("set BETTER_AUTH_URL={}", printable(&origin)),
            None => "set BETTER_AUTH_URL and BETTER_AUTH_BASE_PATH to the address of Better Auth \
                     itself"
                .to_owned(),
        };
        // Query and fragment may contain secrets.
        let location = printable(location.split(['?', '#']).next().unwrap_or_default());
        return wrong(format!("BETTER_AUTH_URL: {base}/ok is redirected to {location}"), fix);
    }
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS => Finding::warning(
            AUTH_SERVER,
            format!("BETTER_AUTH_URL: {base}/ok is rate-limited (429)"),
            "retry in ten seconds; if it persists, check the rate limit of the auth server",
        ),
        status if status.is_server_error() => wrong(
            format!("BETTER_AUTH_URL: the auth server at {base} fails ({})", status.as_u16()),
            "check the log of the auth server".to_owned(),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => wrong(
            format!("BETTER_AUTH_URL: a proxy in front of {base} requires its own login"),
            "set BETTER_AUTH_URL to an address of the auth server without a login".to_owned(),
        ),
        _ => other_server(doctor, base, reply).await,
    }
}

fn healthy(doctor: &Doctor, base: &str) -> Finding {
    let url = Url::parse(base).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    if base.starts_with("http:") && !is_loopback(host) {
        return Finding::warning(
            AUTH_SERVER,
            format!("{base} responds, over plain http: sessions can be read in transit"),
            "set BETTER_AUTH_URL to its https address, unless the network is private",
        );
    }
    let timeout = format_duration(doctor.config.identity.timeout);
    Finding::good(AUTH_SERVER, format!("{base} responds; timeout {timeout} (AUTH_TIMEOUT)"))
}

fn no_response(base: &str, reason: &str) -> Finding {
    let fix = match reason {
        "it took too long" => "check why the auth server is slow, or raise AUTH_TIMEOUT",
        "no server of that name is known" => "correct the host in BETTER_AUTH_URL",
        _ if base.starts_with("https:") && reason.contains("TLS") => {
            "correct the scheme in BETTER_AUTH_URL, or the certificate of the auth server"
        }
        _ => {
            "start the auth server, or set BETTER_AUTH_URL to its address as seen from this machine (in a \
              container, localhost is the container itself)"
        }
    };
    Finding::wrong(AUTH_SERVER, format!("BETTER_AUTH_URL: {base} does not respond: {reason}"), fix)
}

/// The server at `base` is not a Better Auth server: tries common base paths.
async fn other_server(doctor: &Doctor, base: &str, reply: &ProbeResponse) -> Finding {
    let origin = origin_of(base).unwrap_or_default();
    if origin == format!("http://{}", doctor.config.address) {
        return Finding::wrong(
            AUTH_SERVER,
            format!("BETTER_AUTH_URL is {origin}, which is this server itself"),
            "set BETTER_AUTH_URL to the origin of the Better Auth server",
        );
    }
    let what = match reply.status.as_u16() {
        404 => "nothing is found (404)".to_owned(),
        _ if reply.is_page => "there is a web page, not a Better Auth server".to_owned(),
        status => format!("the server is not a Better Auth server ({status})"),
    };
    for path in COMMON_BASE_PATHS {
        let there = format!("{origin}{path}");
        if there != base
            && doctor.probe.get(&format!("{there}/ok")).await.is_ok_and(|it| is_better_auth(&it))
        {
            let path = if path.is_empty() { "/" } else { path };
            return Finding::wrong(
                AUTH_SERVER,
                format!("BETTER_AUTH_BASE_PATH: at {base}/ok {what}; Better Auth is at {there}"),
                format!("set BETTER_AUTH_BASE_PATH={path}"),
            );
        }
    }
    Finding::wrong(
        AUTH_SERVER,
        format!("BETTER_AUTH_URL: at {base}/ok {what}"),
        "set BETTER_AUTH_URL to the origin of the Better Auth server, and BETTER_AUTH_BASE_PATH to \
         its basePath",
    )
}

fn clock_finding(doctor: &Doctor, clock: TimeDelta) -> Finding {
    let leeway = doctor.config.identity.leeway;
    let tolerated = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
    let direction = if clock < TimeDelta::zero() { "behind" } else { "ahead of" };
    let message = format!(
        "the auth server's clock is {} {direction} this machine's; JWT_LEEWAY tolerates {}",
        span(clock),
        format_duration(leeway)
    );
    let fix = "synchronize both clocks with NTP; until then, JWT_LEEWAY tolerates up to 5m";
    if clock.is_zero() {
        let message = "the auth server's clock and this machine's agree to the second";
        return Finding::good(CLOCK, message);
    }
    match clock.abs() {
        difference if difference > tolerated => Finding::wrong(CLOCK, message, fix),
        difference if difference * 2 > tolerated => Finding::warning(CLOCK, message, fix),
        _ => Finding::good(CLOCK, message),
    }
}

fn get_session(result: &ProbeResult) -> Finding {
    match result {
        Err(reason) => Finding::wrong(
            GET_SESSION,
            format!("get-session does not respond: {reason}"),
            "check why the auth server is slow, or raise AUTH_TIMEOUT",
        ),
        Ok(ProbeResponse { status: StatusCode::OK, body: Some(Value::Null), .. }) => {
            Finding::good(GET_SESSION, "returns `null` without a session")
        }
        Ok(ProbeResponse { status: StatusCode::TOO_MANY_REQUESTS, .. }) => Finding::warning(
            GET_SESSION,
            "is rate-limited (429): sessions cannot be validated",
            "exempt it: rateLimit.customRules {\"/get-session\": false} at the auth server",
        ),
        Ok(reply) => Finding::wrong(
            GET_SESSION,
            format!("returns {} without a session, expected `null`", reply.status.as_u16()),
            "check the log of the auth server, and proxies in front of it (BETTER_AUTH_URL)",
        ),
    }
}

/// The configured name of the session cookie, with `__Secure-` if the auth server uses https.
pub(super) fn expected_cookie(doctor: &Doctor) -> String {
    let identity = &doctor.config.identity;
    let secure = identity.auth_server.as_ref().is_some_and(|it| it.base.starts_with("https:"));
    let start = if secure { "__Secure-" } else { "" };
    format!("{start}{}", identity.session_cookie)
}

/// The setting for a session cookie of this name: its prefix if the rest is the default, else the full name.
pub(super) fn cookie_fix(doctor: &Doctor, name: &str) -> String {
    let identity = &doctor.config.identity;
    let name = name.trim_start_matches("__Secure-");
    let is_named = identity.session_cookie != format!("{}.session_token", identity.cookie_prefix);
    match (name.strip_suffix(".session_token").and_then(plain), plain(name)) {
        (Some(prefix), _) if !is_named => {
            format!("set COOKIE_PREFIX={prefix}, as at the auth server")
        }
        (Some(prefix), Some(name)) => {
            format!("set SESSION_COOKIE={name}, or remove it and set COOKIE_PREFIX={prefix}")
        }
        (None, Some(name)) => format!("set SESSION_COOKIE={name}, as at the auth server"),
        (_, None) => {
            "set COOKIE_PREFIX or SESSION_COOKIE to the name of the cookie at the auth server"
                .to_owned()
        }
    }
}

fn cookies(doctor: &Doctor, observed: &Observations) -> Finding {
    let expected = expected_cookie(doctor);
    let Some(name) = &observed.session.cookie else {
        return Finding::good(
            COOKIES,
            format!("the expected session cookie is {expected} (COOKIE_PREFIX, and https or http)"),
        );
    };
    let bare = |name: &str| name.trim_start_matches("__Secure-").to_owned();
    if bare(name) != bare(&expected) {
        let fix = cookie_fix(doctor, name);
        let name = printable(name);
        return Finding::wrong(
            COOKIES,
            format!("the auth server's session cookie is {name}, expected {expected}"),
            fix,
        );
    }
    if *name != expected {
        return Finding::warning(
            COOKIES,
            format!(
                "the auth server's session cookie is {name}, expected {expected} from BETTER_AUTH_URL"
            ),
            "set BETTER_AUTH_URL to the address that browsers use for the auth server; both names are \
             accepted",
        );
    }
    Finding::good(COOKIES, format!("the session cookie is {name}, as at the auth server"))
}

fn secret(doctor: &Doctor, observed: &Observations) -> Option<Finding> {
    let identity = &doctor.config.identity;
    if identity.auth_secrets.is_empty() {
        let message = "BETTER_AUTH_SECRET is not set: the auth server verifies the signatures of \
                       session cookies";
        return Some(Finding::good(SECRET, message));
    }
    Some(match observed.session.secret_fits {
        Some(true) => Finding::good(SECRET, "BETTER_AUTH_SECRET matches the auth server"),
        Some(false) => Finding::wrong(
            SECRET,
            "BETTER_AUTH_SECRET does not match the auth server: all signed sessions are rejected",
            "copy BETTER_AUTH_SECRET from the auth server, complete and without quotes, or remove it",
        ),
        None => Finding::warning(
            SECRET,
            "BETTER_AUTH_SECRET could not be verified (that requires the bearer plugin at the auth server)",
            "compare BETTER_AUTH_SECRET and COOKIE_PREFIX with the auth server",
        ),
    })
}
