//! What else is asked at the auth server: API keys, users, opaque access tokens.

use axum::http::StatusCode;

use super::{Doctor, Finding, Observations};
use crate::config::OpaqueTokenConfig;
use crate::identity::{ProbeResponse, ProbeResult};

pub(super) const API_KEYS: &str = "API keys";
const USERS: &str = "users";
pub(super) const OPAQUE: &str = "opaque tokens";

pub(super) async fn check(doctor: &Doctor, observed: &Observations, findings: &mut Vec<Finding>) {
    findings.extend(doctor.probe.dummy_api_key().await.map(|asked| api_keys(&asked)));
    findings.extend(doctor.probe.dummy_user().await.map(|asked| users(&asked)));
    if observed.auth_server_answers
        && let Some(way) = &doctor.config.identity.opaque_tokens
    {
        findings.extend(doctor.probe.dummy_access_token().await.map(|asked| opaque(way, &asked)));
    }
}

fn api_keys(asked: &ProbeResult) -> Finding {
    let (status, body) = match asked {
        Ok(ProbeResponse { status, body, .. }) => (*status, body.as_ref()),
        Err(reason) => return no_response(API_KEYS, "API_KEY_VERIFY_URL", reason),
    };
    let verdict = body.and_then(|body| body.get("valid")?.as_bool());
    match (status, verdict) {
        (StatusCode::OK, Some(false)) => {
            Finding::good(API_KEYS, "API_KEY_VERIFY_URL refuses a key that nobody has")
        }
        (StatusCode::OK, Some(true)) => Finding::wrong(
            API_KEYS,
            "API_KEY_VERIFY_URL says that a made-up key is valid",
            "correct the endpoint: it is to answer what auth.api.verifyApiKey does",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Finding::wrong(
            API_KEYS,
            format!("API_KEY_VERIFY_URL does not let this server ask ({})", status.as_u16()),
            "set SSO_API_KEY to the key that the endpoint wants",
        ),
        _ => Finding::wrong(
            API_KEYS,
            format!(
                "API_KEY_VERIFY_URL answers {} to a made-up key, and not {{\"valid\": false}}",
                status.as_u16()
            ),
            "correct API_KEY_VERIFY_URL: it takes POST {\"key\": …}, and answers what \
             auth.api.verifyApiKey does",
        ),
    }
}

fn users(asked: &ProbeResult) -> Finding {
    let ProbeResponse { status, body, .. } = match asked {
        Ok(reply) => reply,
        Err(reason) => return no_response(USERS, "USER_LOOKUP_URL", reason),
    };
    match *status {
        StatusCode::NOT_FOUND if body.is_some() => {
            Finding::good(USERS, "USER_LOOKUP_URL knows nobody who does not exist")
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::wrong(
            USERS,
            format!("USER_LOOKUP_URL does not let this server ask ({})", status.as_u16()),
            "set SSO_API_KEY to the key that the endpoint wants",
        ),
        StatusCode::NOT_FOUND => Finding::warning(
            USERS,
            "USER_LOOKUP_URL answers 404 without JSON: perhaps there is no such endpoint",
            "correct USER_LOOKUP_URL (left out, {url}/api/admin/users/{id}); Better Auth itself has \
             none, your application puts it up",
        ),
        status => Finding::wrong(
            USERS,
            format!(
                "USER_LOOKUP_URL answers {} about a made-up user, and not 404",
                status.as_u16()
            ),
            "correct USER_LOOKUP_URL, or the endpoint",
        ),
    }
}

fn opaque(way: &OpaqueTokenConfig, asked: &ProbeResult) -> Finding {
    let (settings, fix) = match way {
        OpaqueTokenConfig::Introspection { .. } => (
            "INTROSPECTION_CLIENT_ID",
            "set INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET to those of a confidential \
             client of the auth server",
        ),
        OpaqueTokenConfig::UserInfo => {
            ("USERINFO", "add @better-auth/oauth-provider to the auth server")
        }
    };
    let ProbeResponse { status, body, .. } = match asked {
        Ok(reply) => reply,
        Err(reason) => return no_response(OPAQUE, "BETTER_AUTH_URL", reason),
    };
    let inactive = body.as_ref().is_some_and(|body| body["active"] == false);
    match (way, *status) {
        (OpaqueTokenConfig::Introspection { .. }, StatusCode::OK) if inactive => {
            Finding::good(OPAQUE, "introspection takes INTROSPECTION_CLIENT_ID and its secret")
        }
        (OpaqueTokenConfig::UserInfo, StatusCode::UNAUTHORIZED) => {
            Finding::good(OPAQUE, "userinfo refuses a token that nobody has")
        }
        (
            OpaqueTokenConfig::Introspection { .. },
            StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST,
        ) => {
            let message = "introspection refuses INTROSPECTION_CLIENT_ID with \
                           INTROSPECTION_CLIENT_SECRET";
            Finding::wrong(OPAQUE, message, fix)
        }
        (_, StatusCode::NOT_FOUND) => Finding::wrong(
            OPAQUE,
            format!("{settings} is set, and the auth server is no OAuth provider (404)"),
            "add @better-auth/oauth-provider to the auth server, or remove the setting",
        ),
        (_, status) => Finding::wrong(
            OPAQUE,
            format!(
                "{settings}: the auth server answers {} about a made-up token",
                status.as_u16()
            ),
            fix,
        ),
    }
}

fn no_response(name: &'static str, setting: &str, reason: &str) -> Finding {
    Finding::wrong(
        name,
        format!("{setting} does not answer: {reason}"),
        format!("correct {setting}, or start what it names"),
    )
}
