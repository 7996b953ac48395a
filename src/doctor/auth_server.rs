//! The auth server: whether it is there, and set up as the settings say.

use axum::http::StatusCode;
use chrono::TimeDelta;
use humantime::format_duration;
use reqwest::Url;
use serde_json::{Value, json};

use super::render::{plain, printable, span};
use super::setup::{is_loopback, origin_of};
use super::{Doctor, Finding, Observations};
use crate::identity::{PROBE_ADDRESS, ProbeResponse, ProbeResult};

pub(super) const AUTH_SERVER: &str = "auth server";
pub(super) const GET_SESSION: &str = "get-session";
const CLOCK: &str = "clock";
const COOKIES: &str = "cookies";
const SECRET: &str = "secret";

/// Where Better Auth servers are found, besides where the settings say.
const USUAL_PATHS: [&str; 4] = ["/api/auth", "/auth", "/api/better-auth", ""];

pub(super) async fn check(doctor: &Doctor, findings: &mut Vec<Finding>) -> Observations {
    let mut observed = Observations::default();
    let Some(server) = &doctor.config.identity.auth_server else { return observed };
    let asked = doctor.probe.get(&format!("{}/ok", server.base)).await;
    observed.clock = asked.as_ref().ok().and_then(|reply| reply.clock);
    observed.auth_server_answers = asked.as_ref().is_ok_and(is_well);
    findings.push(health(doctor, &server.base, &asked).await);
    if let Some(clock) = observed.clock {
        findings.push(judge_clock(doctor, clock));
    }
    if !observed.auth_server_answers {
        return observed;
    }
    let nobody = doctor.probe.probe_anonymous_session(PROBE_ADDRESS).await;
    findings.push(get_session(&nobody));
    observed.session = doctor.probe.dummy_session(PROBE_ADDRESS).await;
    findings.push(cookies(doctor, &observed));
    findings.extend(secret(doctor, &observed));
    observed
}

fn is_well(reply: &ProbeResponse) -> bool {
    reply.status == StatusCode::OK && reply.body == Some(json!({"ok": true}))
}

async fn health(doctor: &Doctor, base: &str, asked: &ProbeResult) -> Finding {
    let wrong = |message: String, fix: String| Finding::wrong(AUTH_SERVER, message, fix);
    let reply = match asked {
        Ok(reply) if is_well(reply) => return well(doctor, base),
        Ok(reply) => reply,
        Err(reason) => return no_response(base, reason),
    };
    if let Some(location) = &reply.location {
        let there = origin_of(location).filter(|it| it != "null");
        let fix = match there.filter(|it| Some(it) != origin_of(base).as_ref()) {
            Some(origin) => format!("set BETTER_AUTH_URL={}", printable(&origin)),
            None => "set BETTER_AUTH_URL and BETTER_AUTH_BASE_PATH to where Better Auth itself \
                     answers"
                .to_owned(),
        };
        // What follows is of no interest, and may be a secret.
        let location = printable(location.split(['?', '#']).next().unwrap_or_default());
        return wrong(format!("BETTER_AUTH_URL: {base}/ok is redirected to {location}"), fix);
    }
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS => Finding::warning(
            AUTH_SERVER,
            format!("BETTER_AUTH_URL: {base}/ok says that it is asked too often (429)"),
            "ask again in ten seconds; if it stays so, see to the rate limit of the auth server",
        ),
        status if status.is_server_error() => wrong(
            format!("BETTER_AUTH_URL: the auth server at {base} fails ({})", status.as_u16()),
            "look into the auth server's own log".to_owned(),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => wrong(
            format!("BETTER_AUTH_URL: something in front of {base} asks for a login of its own"),
            "set BETTER_AUTH_URL to an address of the auth server that needs none".to_owned(),
        ),
        _ => elsewhere(doctor, base, reply).await,
    }
}

fn well(doctor: &Doctor, base: &str) -> Finding {
    let url = Url::parse(base).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    if base.starts_with("http:") && !is_loopback(host) {
        return Finding::warning(
            AUTH_SERVER,
            format!("{base} answers, over plain http: whoever is on the way reads sessions"),
            "set BETTER_AUTH_URL to its https address, unless the way there is private",
        );
    }
    let patience = format_duration(doctor.config.identity.timeout);
    Finding::good(AUTH_SERVER, format!("{base} answers; it may take {patience} (AUTH_TIMEOUT)"))
}

fn no_response(base: &str, reason: &str) -> Finding {
    let fix = match reason {
        "it took too long" => "see why the auth server is slow, or raise AUTH_TIMEOUT",
        "no server of that name is known" => "correct the host in BETTER_AUTH_URL",
        _ if base.starts_with("https:") && reason.contains("TLS") => {
            "correct the scheme in BETTER_AUTH_URL, or the certificate of the auth server"
        }
        _ => {
            "start the auth server, or set BETTER_AUTH_URL to where this machine reaches it (in a \
              container, localhost is the container itself)"
        }
    };
    Finding::wrong(AUTH_SERVER, format!("BETTER_AUTH_URL: {base} does not answer: {reason}"), fix)
}

/// Something answers that is no Better Auth server: where is one?
async fn elsewhere(doctor: &Doctor, base: &str, reply: &ProbeResponse) -> Finding {
    let origin = origin_of(base).unwrap_or_default();
    if origin == format!("http://{}", doctor.config.address) {
        return Finding::wrong(
            AUTH_SERVER,
            format!("BETTER_AUTH_URL is {origin}, which is this server itself"),
            "set BETTER_AUTH_URL to the origin of the Better Auth server",
        );
    }
    let what = match reply.status.as_u16() {
        404 => "there is nothing (404)".to_owned(),
        _ if reply.is_page => "a web page answers, and no Better Auth server".to_owned(),
        status => format!("something else than a Better Auth server answers ({status})"),
    };
    for path in USUAL_PATHS {
        let there = format!("{origin}{path}");
        if there != base
            && doctor.probe.get(&format!("{there}/ok")).await.is_ok_and(|it| is_well(&it))
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

fn judge_clock(doctor: &Doctor, clock: TimeDelta) -> Finding {
    let leeway = doctor.config.identity.leeway;
    let forgiven = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
    let way = if clock < TimeDelta::zero() { "behind" } else { "ahead of" };
    let message = format!(
        "the auth server's clock is {} {way} this one's, and JWT_LEEWAY forgives {}",
        span(clock),
        format_duration(leeway)
    );
    let fix = "set both clocks by NTP; until then, JWT_LEEWAY forgives up to 5m";
    if clock.is_zero() {
        let message = "the auth server's clock and this one's agree to the second";
        return Finding::good(CLOCK, message);
    }
    match clock.abs() {
        difference if difference > forgiven => Finding::wrong(CLOCK, message, fix),
        difference if difference * 2 > forgiven => Finding::warning(CLOCK, message, fix),
        _ => Finding::good(CLOCK, message),
    }
}

fn get_session(asked: &ProbeResult) -> Finding {
    match asked {
        Err(reason) => Finding::wrong(
            GET_SESSION,
            format!("get-session does not answer: {reason}"),
            "see why the auth server is slow, or raise AUTH_TIMEOUT",
        ),
        Ok(ProbeResponse { status: StatusCode::OK, body: Some(Value::Null), .. }) => {
            Finding::good(GET_SESSION, "says `null` to somebody who is not signed in")
        }
        Ok(ProbeResponse { status: StatusCode::TOO_MANY_REQUESTS, .. }) => Finding::warning(
            GET_SESSION,
            "is asked too often already (429): sessions cannot be checked meanwhile",
            "exempt it: rateLimit.customRules {\"/get-session\": false} at the auth server",
        ),
        Ok(reply) => Finding::wrong(
            GET_SESSION,
            format!(
                "answers {} to somebody without a session, and not `null`",
                reply.status.as_u16()
            ),
            "look into the auth server's own log, and at what stands between (BETTER_AUTH_URL)",
        ),
    }
}

/// The name of the session cookie, by the settings: `__Secure-` where the auth server is at https.
pub(super) fn expected_cookie(doctor: &Doctor) -> String {
    let identity = &doctor.config.identity;
    let secure = identity.auth_server.as_ref().is_some_and(|it| it.base.starts_with("https:"));
    let start = if secure { "__Secure-" } else { "" };
    format!("{start}{}", identity.session_cookie)
}

/// What to set for a session cookie of this name: its prefix where the rest is as usual, else the whole name.
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
            format!(
                "the session cookie is expected as {expected} (COOKIE_PREFIX, and https or not)"
            ),
        );
    };
    let bare = |name: &str| name.trim_start_matches("__Secure-").to_owned();
    if bare(name) != bare(&expected) {
        let fix = cookie_fix(doctor, name);
        let name = printable(name);
        return Finding::wrong(
            COOKIES,
            format!("the auth server's session cookie is {name}, and {expected} is looked for"),
            fix,
        );
    }
    if *name != expected {
        return Finding::warning(
            COOKIES,
            format!(
                "the auth server's session cookie is {name}, and by BETTER_AUTH_URL it would be {expected}"
            ),
            "set BETTER_AUTH_URL to the address at which browsers reach the auth server; both names \
             are accepted here",
        );
    }
    Finding::good(COOKIES, format!("the session cookie is {name}, as the auth server has it"))
}

fn secret(doctor: &Doctor, observed: &Observations) -> Option<Finding> {
    let identity = &doctor.config.identity;
    if identity.auth_secrets.is_empty() {
        let message = "BETTER_AUTH_SECRET is not set: the auth server checks the signatures of \
                       session cookies";
        return Some(Finding::good(SECRET, message));
    }
    Some(match observed.session.secret_fits {
        Some(true) => Finding::good(SECRET, "BETTER_AUTH_SECRET is the auth server's"),
        Some(false) => Finding::wrong(
            SECRET,
            "BETTER_AUTH_SECRET is not the auth server's: every signed session is refused",
            "copy BETTER_AUTH_SECRET from the auth server, whole and without quotes, or remove it",
        ),
        None => Finding::warning(
            SECRET,
            "whether BETTER_AUTH_SECRET is the auth server's could not be told (its bearer plugin would show)",
            "compare BETTER_AUTH_SECRET and COOKIE_PREFIX with the auth server's",
        ),
    })
}
