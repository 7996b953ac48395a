//! API key validation, at an endpoint of the application that calls `auth.api.verifyApiKey`: Better Auth
//! itself has no HTTP endpoint for it.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use chrono::TimeDelta;
use hallpass_types::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::auth_server::client::{Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::claims::{Claims, string_claim, subject_claim, timestamp_claim};
use crate::credential::cookies::mark_sensitive;
use crate::error::{AuthError, Check, CredentialRejected, rejected};

/// The expiry assumed for a key without one: it is validated again long before.
const DEFAULT_CACHE_TTL: TimeDelta = TimeDelta::days(1);

/// Why an expired API key is rejected.
pub const KEY_EXPIRED: &str = "the API key has expired";
/// Why a disabled API key is rejected.
pub const KEY_DISABLED: &str = "the API key is disabled";
/// Why an API key without remaining uses is rejected.
pub const KEY_USED_UP: &str = "the API key is used up";
/// Why an API key without a user as its owner is rejected.
pub const KEY_WITHOUT_USER: &str = "the API key belongs to no user";
/// Why an unknown API key is rejected.
pub const KEY_UNKNOWN: &str = "the auth server knows no such API key";

/// Maps the error code of the auth server to a rejection.
pub(crate) fn key_rejection(code: &Value) -> CredentialRejected {
    let (check, reason) = match code.as_str() {
        Some("KEY_EXPIRED") => (Check::Times, KEY_EXPIRED),
        Some("KEY_DISABLED") => (Check::Known, KEY_DISABLED),
        Some("USAGE_EXCEEDED") => (Check::Known, KEY_USED_UP),
        Some("INVALID_REFERENCE_ID_FROM_API_KEY") => (Check::Subject, KEY_WITHOUT_USER),
        _ => (Check::Known, KEY_UNKNOWN),
    };
    CredentialRejected { check, reason }
}

/// Validates API keys.
pub(crate) struct ApiKeys {
    pub(crate) url: Url,
    /// Authenticates this server at the endpoint.
    pub(crate) machine_key: Option<SecretString>,
    pub(crate) endpoint: Endpoint,
}

impl ApiKeys {
    /// The caller that the API key belongs to: the user who owns it or, when the endpoint returns no user
    /// (`"user": null`), a service.
    pub(crate) async fn verify(
        &self,
        key: &SecretString,
        address: IpAddr,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let requested_at = now();
        match self.endpoint.send(&self.request(key).for_client(address)).await {
            Ok(response) => read(&response, requested_at, mapping),
            Err(error) => {
                error.log_outcome("an API key");
                Err(error.outage().into())
            }
        }
    }

    /// The response to a key that does not exist: whether the endpoint exists at all.
    pub(crate) async fn probe_with_unknown_key(
        &self,
        key: &SecretString,
    ) -> Result<UpstreamResponse, UpstreamError> {
        self.endpoint.send(&self.request(key)).await
    }

    fn request(&self, key: &SecretString) -> UpstreamRequest {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let own = self.machine_key.as_ref().map(ExposeSecret::expose_secret);
        let bearer = own.and_then(|own| mark_sensitive(&format!("Bearer {own}")));
        headers.extend(bearer.map(|bearer| (AUTHORIZATION, bearer)));
        let body = json!({ "key": key.expose_secret() }).to_string().into_bytes();
        UpstreamRequest::post(self.url.clone(), headers, body)
    }
}

fn read(
    response: &UpstreamResponse,
    requested_at: Timestamp,
    mapping: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let verdict = match serde_json::from_slice::<Value>(&response.body) {
        Ok(verdict) if response.status == StatusCode::OK && verdict.is_object() => verdict,
        _ => {
            tracing::warn!(status = %response.status, "unexpected response from API_KEY_VERIFY_URL");
            return Err(response.outage().into());
        }
    };
    // The key is valid but rate-limited: the response does not identify the caller.
    if let Some(limit) = response.key_limit() {
        return Err(limit.into());
    }
    let key = match verdict.get("key") {
        Some(Value::Object(key)) if verdict["valid"] == true => key,
        _ => return Err(key_rejection(&verdict["error"]["code"]).into()),
    };
    if !matches!(key.get("enabled"), None | Some(Value::Null | Value::Bool(true)))
        || !verdict["error"].is_null()
    {
        return rejected(Check::Known, KEY_DISABLED);
    }
    let expires_at = match key.get("expiresAt") {
        None | Some(Value::Null) => requested_at + DEFAULT_CACHE_TTL,
        Some(end) => match timestamp_claim(end) {
            Some(end) if end > now() => end,
            _ => return rejected(Check::Times, KEY_EXPIRED),
        },
    };
    let proof = CredentialProof::validated(AuthMethod::ApiKey, requested_at, expires_at);
    let caller = caller(&verdict, key, proof, mapping)?.with_permissions(permissions(key));
    // As with get-session, the key's id is the session's id: pushed revocations name it.
    Ok(match string_claim(key, "id") {
        Some(id) => caller.in_session(id),
        None => caller,
    })
}

fn caller(
    verdict: &Value,
    key: &Claims,
    proof: CredentialProof,
    mapping: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    // `referenceId` since Better Auth 1.5, `userId` before.
    let owner = subject_claim(key.get("referenceId").or_else(|| key.get("userId")))?;
    match verdict.get("user") {
        None => Caller::from_claims(owner, proof, &Claims::new(), mapping),
        Some(Value::Null) => Ok(Caller::service(owner, proof, mapping)),
        Some(Value::Object(user))
            if user.get("id").and_then(Value::as_str) == Some(owner.as_str()) =>
        {
            Caller::from_claims(owner, proof, user, mapping)
        }
        Some(_) => rejected(Check::Subject, "the API key and its user do not belong together"),
    }
}

/// `{"notes": ["read", "write"]}` permits `notes:read` and `notes:write`.
fn permissions(key: &Claims) -> Vec<String> {
    let resources = key.get("permissions").and_then(Value::as_object).into_iter().flatten();
    resources
        .flat_map(|(resource, actions)| {
            let actions = actions.as_array().into_iter().flatten().filter_map(Value::as_str);
            actions.map(move |action| format!("{resource}:{action}"))
        })
        .collect()
}
