//! API keys, verified by an endpoint that the application puts before `auth.api.verifyApiKey`: Better
//! Auth itself has none on the wire.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use chrono::TimeDelta;
use hallpass_entity::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::identity::auth_server::client::{
    Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse,
};
use crate::identity::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::identity::claims::{Claims, string_claim, subject_claim, timestamp_claim};
use crate::identity::credential::cookies::mark_sensitive;
use crate::identity::error::{AuthError, Check, CredentialRejected, refused};

/// How long a key without an end is shown to last: it is asked about again long before.
const DEFAULT_CACHE_TTL: TimeDelta = TimeDelta::days(1);

/// Why an API key is refused that has expired.
pub const KEY_EXPIRED: &str = "the API key has expired";
/// The same of one that is disabled.
pub const KEY_DISABLED: &str = "the API key is disabled";
/// The same of one that was used as often as it may be in its whole life.
pub const KEY_USED_UP: &str = "the API key is used up";
/// The same of one whose owner is no user.
pub const KEY_OF_NO_USER: &str = "the API key belongs to no user";
/// The same of one that the auth server does not know.
pub const KEY_UNKNOWN: &str = "the auth server knows no such API key";

/// Why the auth server refuses an API key, by the code in its answer.
pub(crate) fn key_refusal(code: &Value) -> CredentialRejected {
    let (check, reason) = match code.as_str() {
        Some("KEY_EXPIRED") => (Check::Times, KEY_EXPIRED),
        Some("KEY_DISABLED") => (Check::Known, KEY_DISABLED),
        Some("USAGE_EXCEEDED") => (Check::Known, KEY_USED_UP),
        Some("INVALID_REFERENCE_ID_FROM_API_KEY") => (Check::Subject, KEY_OF_NO_USER),
        _ => (Check::Known, KEY_UNKNOWN),
    };
    CredentialRejected { check, reason }
}

/// Asks about API keys.
pub(crate) struct ApiKeys {
    pub(crate) url: Url,
    /// What shows the endpoint that it is us who ask.
    pub(crate) machine_key: Option<SecretString>,
    pub(crate) line: Endpoint,
}

impl ApiKeys {
    /// The caller whose API key it is: the user who owns it or, where the endpoint says that no user
    /// does (`"user": null`), a service.
    pub(crate) async fn verify(
        &self,
        key: &SecretString,
        address: IpAddr,
        reading: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let asked_at = now();
        match self.line.send_with_retry(&self.request(key).for_client(address)).await {
            Ok(answer) => read(&answer, asked_at, reading),
            Err(no_answer) => {
                no_answer.log_outcome("an API key");
                Err(no_answer.outage().into())
            }
        }
    }

    /// What the endpoint answers about a key that does not exist: whether it is there at all.
    pub(crate) async fn probe_with_unknown_key(
        &self,
        key: &SecretString,
    ) -> Result<UpstreamResponse, UpstreamError> {
        self.line.send_with_retry(&self.request(key)).await
    }

    fn request(&self, key: &SecretString) -> UpstreamRequest {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let ours = self.machine_key.as_ref().map(ExposeSecret::expose_secret);
        let bearer = ours.and_then(|ours| mark_sensitive(&format!("Bearer {ours}")));
        headers.extend(bearer.map(|bearer| (AUTHORIZATION, bearer)));
        let body = json!({ "key": key.expose_secret() }).to_string().into_bytes();
        UpstreamRequest::post(self.url.clone(), headers, body)
    }
}

fn read(
    answer: &UpstreamResponse,
    asked_at: Timestamp,
    reading: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let verdict = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(verdict) if answer.status == StatusCode::OK && verdict.is_object() => verdict,
        _ => {
            tracing::warn!(status = %answer.status, "API_KEY_VERIFY_URL could not tell about a key");
            return Err(answer.outage().into());
        }
    };
    // The key is good, and was used too often: that says nothing of who asks.
    if let Some(limit) = answer.key_limit() {
        return Err(limit.into());
    }
    let key = match verdict.get("key") {
        Some(Value::Object(key)) if verdict["valid"] == true => key,
        _ => return Err(key_refusal(&verdict["error"]["code"]).into()),
    };
    if !matches!(key.get("enabled"), None | Some(Value::Null | Value::Bool(true)))
        || !verdict["error"].is_null()
    {
        return refused(Check::Known, KEY_DISABLED);
    }
    let expires_at = match key.get("expiresAt") {
        None | Some(Value::Null) => asked_at + DEFAULT_CACHE_TTL,
        Some(end) => match timestamp_claim(end) {
            Some(end) if end > now() => end,
            _ => return refused(Check::Times, KEY_EXPIRED),
        },
    };
    let proof = CredentialProof::asked(AuthMethod::ApiKey, asked_at, expires_at);
    let caller = caller(&verdict, key, proof, reading)?.with_permissions(permissions(key));
    // As at get-session, where the key's id is that of the session: a push names it.
    Ok(match string_claim(key, "id") {
        Some(id) => caller.in_session(id),
        None => caller,
    })
}

fn caller(
    verdict: &Value,
    key: &Claims,
    proof: CredentialProof,
    reading: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    // `referenceId` since Better Auth 1.5, `userId` before.
    let owner = subject_claim(key.get("referenceId").or_else(|| key.get("userId")))?;
    match verdict.get("user") {
        None => Caller::from_claims(owner, proof, &Claims::new(), reading),
        Some(Value::Null) => Ok(Caller::service(owner, proof, reading)),
        Some(Value::Object(user))
            if user.get("id").and_then(Value::as_str) == Some(owner.as_str()) =>
        {
            Caller::from_claims(owner, proof, user, reading)
        }
        Some(_) => refused(Check::Subject, "the API key and its user do not belong together"),
    }
}

/// `{"tasks": ["read", "write"]}` permits `tasks:read` and `tasks:write`.
fn permissions(key: &Claims) -> Vec<String> {
    let resources = key.get("permissions").and_then(Value::as_object).into_iter().flatten();
    resources
        .flat_map(|(resource, actions)| {
            let actions = actions.as_array().into_iter().flatten().filter_map(Value::as_str);
            actions.map(move |action| format!("{resource}:{action}"))
        })
        .collect()
}
