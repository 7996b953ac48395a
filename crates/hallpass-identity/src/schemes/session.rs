//! Session validation at the auth server's `get-session`.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hallpass_types::{Timestamp, now};
use reqwest::Url;
use serde_json::Value;

use super::api_key::key_rejection;
use crate::auth_server::client::{Endpoint, UpstreamRequest, UpstreamResponse};
use crate::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::claims::{Claims, subject_claim, timestamp_claim};
use crate::config::AuthServer;
use crate::error::{AuthError, Check, SESSION_EXPIRED, rejected};
use crate::strict_json::StrictJson;

/// The endpoint that validates sessions. `disableCookieCache`: use the database, not a cookie.
/// `disableRefresh`: do not extend the session, as the browser would never receive its new cookie.
pub(crate) const GET_SESSION: &str = "/get-session?disableCookieCache=true&disableRefresh=true";

/// Why an unknown session is rejected.
pub const NO_SESSION: &str = "the auth server knows no such session";

/// Validates sessions.
pub(crate) struct SessionValidator {
    url: Url,
    endpoint: Endpoint,
}

/// A credential of a session: the header for the auth server, and the authentication method.
pub(crate) struct SessionCredential {
    pub(crate) header: HeaderName,
    pub(crate) value: HeaderValue,
    pub(crate) via: AuthMethod,
}

impl SessionValidator {
    pub(crate) fn new(server: &AuthServer, endpoint: Endpoint) -> Self {
        let url = Url::parse(&format!("{}{GET_SESSION}", server.base))
            .expect("the settings hold an address");
        Self { url, endpoint }
    }

    /// Validates the session of `credential`. `address` is the end user's.
    pub(crate) async fn validate(
        &self,
        credential: &SessionCredential,
        address: IpAddr,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(credential.header.clone(), credential.value.clone());
        // One value: Better Auth limits requests by this address, and by none if there are two.
        if let Ok(address) = HeaderValue::try_from(address.to_string()) {
            headers.insert("x-forwarded-for", address);
        }
        let requested_at = now();
        match self
            .endpoint
            .send(&UpstreamRequest::get(self.url.clone(), headers).for_client(address))
            .await
        {
            Ok(response) => read(&response, credential.via, requested_at, mapping),
            Err(error) => {
                error.log_outcome("a session");
                Err(error.outage().into())
            }
        }
    }
}

/// 200 with `null`, or without a complete session, is "not signed in"; anything but 200, 401 and 403
/// is "unavailable".
fn read(
    response: &UpstreamResponse,
    via: AuthMethod,
    requested_at: Timestamp,
    mapping: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let code = || response.json()["code"].clone();
    match response.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if via == AuthMethod::ApiKey => {
            return Err(key_rejection(&code()).into());
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return rejected(Check::Known, "the auth server rejected the session");
        }
        // A key without remaining uses is not valid.
        StatusCode::TOO_MANY_REQUESTS if code() == "USAGE_EXCEEDED" => {
            return Err(key_rejection(&code()).into());
        }
        status => {
            if let Some(limit) = response.key_limit().filter(|_| via == AuthMethod::ApiKey) {
                return Err(limit.into());
            }
            tracing::warn!(%status, "unexpected response about a session");
            return Err(response.outage().into());
        }
    }
    let Some(body) = StrictJson::read(&response.body) else {
        tracing::warn!("the auth server's response about a session is not plain JSON");
        return Err(response.outage().into());
    };
    let object = |name: &str| body.get(name).and_then(Value::as_object);
    let (Some(user), Some(session)) = (object("user"), object("session")) else {
        return rejected(Check::Known, NO_SESSION);
    };
    caller(user, session, via, requested_at, true, mapping)
}

/// The caller of a session that the auth server confirmed, now or in its cookie cache.
pub(crate) fn caller(
    user: &Claims,
    session: &Claims,
    via: AuthMethod,
    confirmed_at: Timestamp,
    was_validated: bool,
    mapping: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let Some(expires_at) = session.get("expiresAt").and_then(timestamp_claim) else {
        return rejected(Check::Times, "the session has no expiry");
    };
    if expires_at <= now() {
        return rejected(Check::Times, SESSION_EXPIRED);
    }
    let id = subject_claim(user.get("id"))?;
    if session.get("userId") != user.get("id") {
        return rejected(Check::Subject, "the session and its user do not belong together");
    }
    let proof = CredentialProof {
        was_validated,
        ..CredentialProof::validated(via, confirmed_at, expires_at)
    };
    Caller::from_session(id, proof, user, session, mapping)
}
