//! Checks of further endpoints: API key verification, user lookup, introspection of opaque access tokens.

use axum::http::StatusCode;

use super::{Doctor, Finding, Observations};
use crate::config::OpaqueTokenConfig;
use hallpass_identity::{ProbeResponse, ProbeResult};

pub(super) const API_KEYS: &str = "API keys";
const USERS: &str = "users";
pub(super) const OPAQUE: &str = "opaque tokens";

pub(super) async fn check(doctor: &Doctor, observed: &Observations, findings: &mut Vec<Finding>) {
    findings.extend(doctor.probe.dummy_api_key().await.map(|result| api_keys(&result)));
    findings.extend(doctor.probe.dummy_user().await.map(|result| users(&result)));
    if observed.auth_server_answers
        && let Some(config) = &doctor.config.identity.opaque_tokens
    {
        findings
            .extend(doctor.probe.dummy_access_token().await.map(|result| opaque(config, &result)));
    }
}

fn api_keys(result: &ProbeResult) -> Finding {
    let (status, body) = match result {
        Ok(ProbeResponse { status, body, .. }) => (*status, body.as_ref()),
        Err(reason) => return no_response(API_KEYS, "API_KEY_VERIFY_URL", reason),
    };
    let verdict = body.and_then(|body| body.get("valid")?.as_bool());
    match (status, verdict) {
        (StatusCode::OK, Some(false)) => {
            Finding::good(API_KEYS, "API_KEY_VERIFY_URL rejects an unknown key")
        }
        (StatusCode::OK, Some(true)) => Finding::wrong(
            API_KEYS,
            "API_KEY_VERIFY_URL accepts a nonexistent key",
            "correct the endpoint: it must return the result of auth.api.verifyApiKey",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Finding::wrong(
            API_KEYS,
            format!("API_KEY_VERIFY_URL denies access to this server ({})", status.as_u16()),
            "set SSO_API_KEY to the key that the endpoint requires",
        ),
        _ => Finding::wrong(
            API_KEYS,
            format!(
                "API_KEY_VERIFY_URL returns {} for a nonexistent key, expected {{\"valid\": false}}",
                status.as_u16()
            ),
            "correct API_KEY_VERIFY_URL: it must accept POST {\"key\": …}, and return the result of \
             auth.api.verifyApiKey",
        ),
    }
}

fn users(result: &ProbeResult) -> Finding {
    let ProbeResponse { status, body, .. } = match result {
        Ok(reply) => reply,
        Err(reason) => return no_response(USERS, "USER_LOOKUP_URL", reason),
    };
    match *status {
        StatusCode::NOT_FOUND if body.is_some() => {
            Finding::good(USERS, "USER_LOOKUP_URL returns 404 for an unknown user")
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::wrong(
            USERS,
            format!("USER_LOOKUP_URL denies access to this server ({})", status.as_u16()),
            "set SSO_API_KEY to the key that the endpoint requires",
        ),
        StatusCode::NOT_FOUND => Finding::warning(
            USERS,
            "USER_LOOKUP_URL returns 404 without JSON: the endpoint may not exist",
            "correct USER_LOOKUP_URL (default: {url}/api/admin/users/{id}); Better Auth has no such \
             endpoint, your application provides it",
        ),
        status => Finding::wrong(
            USERS,
            format!(
                "USER_LOOKUP_URL returns {} for a nonexistent user, expected 404",
                status.as_u16()
            ),
            "correct USER_LOOKUP_URL, or the endpoint",
        ),
    }
}

fn opaque(config: &OpaqueTokenConfig, result: &ProbeResult) -> Finding {
    let (settings, fix) = match config {
        OpaqueTokenConfig::Introspection { .. } => (
            "INTROSPECTION_CLIENT_ID",
            "set INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET to those of a confidential \
             client of the auth server",
        ),
        OpaqueTokenConfig::UserInfo => {
            ("USERINFO", "add @better-auth/oauth-provider to the auth server")
        }
    };
    let ProbeResponse { status, body, .. } = match result {
        Ok(reply) => reply,
        Err(reason) => return no_response(OPAQUE, "BETTER_AUTH_URL", reason),
    };
    let inactive = body.as_ref().is_some_and(|body| body["active"] == false);
    match (config, *status) {
        (OpaqueTokenConfig::Introspection { .. }, StatusCode::OK) if inactive => {
            Finding::good(OPAQUE, "introspection accepts INTROSPECTION_CLIENT_ID and its secret")
        }
        (OpaqueTokenConfig::UserInfo, StatusCode::UNAUTHORIZED) => {
            Finding::good(OPAQUE, "userinfo rejects an unknown token")
        }
        (
            OpaqueTokenConfig::Introspection { .. },
            StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST,
        ) => {
            let message = "introspection rejects INTROSPECTION_CLIENT_ID with \
                           INTROSPECTION_CLIENT_SECRET";
            Finding::wrong(OPAQUE, message, fix)
        }
        (_, StatusCode::NOT_FOUND) => Finding::wrong(
            OPAQUE,
            format!("{settings} is set, but the auth server is not an OAuth provider (404)"),
            "add @better-auth/oauth-provider to the auth server, or remove the setting",
        ),
        (_, status) => Finding::wrong(
            OPAQUE,
            format!(
                "{settings}: the auth server returns {} for a nonexistent token",
                status.as_u16()
            ),
            fix,
        ),
    }
}

fn no_response(name: &'static str, setting: &str, reason: &str) -> Finding {
    Finding::wrong(
        name,
        format!("{setting} does not respond: {reason}"),
        format!("correct {setting}, or start the server that it names"),
    )
}
