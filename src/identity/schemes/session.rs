//! Session validation at the auth server's `get-session`.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hallpass_entity::{Timestamp, now};
use reqwest::Url;
use serde_json::Value;

use super::api_key::key_refusal;
use crate::config::AuthServer;
use crate::identity::auth_server::client::{Endpoint, UpstreamRequest, UpstreamResponse};
use crate::identity::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::identity::claims::{Claims, StrictJson, subject_claim, timestamp_claim};
use crate::identity::error::{AuthError, Check, refused};

/// Where a session is asked about. `disableCookieCache`: what the database says, not a cookie.
/// `disableRefresh`: asking must not extend a session whose new cookie the browser would never see.
pub(crate) const GET_SESSION: &str = "/get-session?disableCookieCache=true&disableRefresh=true";

/// Why a session is refused that the auth server does not know.
pub const NO_SESSION: &str = "the auth server knows no such session";

/// Asks about sessions.
pub(crate) struct SessionValidator {
    url: Url,
    line: Endpoint,
}

/// What shows a session: a header for the auth server, and the kind of credential that it is.
pub(crate) struct SessionCredential {
    pub(crate) header: HeaderName,
    pub(crate) value: HeaderValue,
    pub(crate) via: AuthMethod,
}

impl SessionValidator {
    pub(crate) fn new(server: &AuthServer, line: Endpoint) -> Self {
        let url = Url::parse(&format!("{}{GET_SESSION}", server.base))
            .expect("the settings hold an address");
        Self { url, line }
    }

    /// The caller of the session that is `shown`. `address` is the end user's.
    pub(crate) async fn validate(
        &self,
        shown: &SessionCredential,
        address: IpAddr,
        reading: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(shown.header.clone(), shown.value.clone());
        // One value: Better Auth counts requests by this address, and by none if there are two.
        if let Ok(address) = HeaderValue::try_from(address.to_string()) {
            headers.insert("x-forwarded-for", address);
        }
        let asked_at = now();
        match self
            .line
            .send_with_retry(&UpstreamRequest::get(self.url.clone(), headers).for_client(address))
            .await
        {
            Ok(answer) => read(&answer, shown.via, asked_at, reading),
            Err(no_answer) => {
                no_answer.log_outcome("a session");
                Err(no_answer.outage().into())
            }
        }
    }
}

/// 200 with `null`, or without a whole session, is "not signed in"; anything but 200, 401 and 403
/// is "cannot tell".
fn read(
    answer: &UpstreamResponse,
    via: AuthMethod,
    asked_at: Timestamp,
    reading: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let code = || answer.json()["code"].clone();
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if via == AuthMethod::ApiKey => {
            return Err(key_refusal(&code()).into());
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return refused(Check::Known, "the auth server refused the session");
        }
        // A key that was used as often as it may be, in its whole life, is no longer one.
        StatusCode::TOO_MANY_REQUESTS if code() == "USAGE_EXCEEDED" => {
            return Err(key_refusal(&code()).into());
        }
        status => {
            if let Some(limit) = answer.key_limit().filter(|_| via == AuthMethod::ApiKey) {
                return Err(limit.into());
            }
            tracing::warn!(%status, "the auth server could not tell about a session");
            return Err(answer.outage().into());
        }
    }
    let Some(body) = StrictJson::read(&answer.body) else {
        tracing::warn!("the auth server's answer about a session is no plain JSON");
        return Err(answer.outage().into());
    };
    let object = |name: &str| body.get(name).and_then(Value::as_object);
    let (Some(user), Some(session)) = (object("user"), object("session")) else {
        return refused(Check::Known, NO_SESSION);
    };
    caller(user, session, via, asked_at, true, reading)
}

/// The caller of a session that the auth server vouches for, now or in a cookie of its own.
pub(crate) fn caller(
    user: &Claims,
    session: &Claims,
    via: AuthMethod,
    confirmed_at: Timestamp,
    was_asked: bool,
    reading: &ClaimMapping<'_>,
) -> Result<Caller, AuthError> {
    let Some(expires_at) = session.get("expiresAt").and_then(timestamp_claim) else {
        return refused(Check::Times, "the session has no expiry");
    };
    if expires_at <= now() {
        return refused(Check::Times, "the session has expired");
    }
    let id = subject_claim(user.get("id"))?;
    if session.get("userId") != user.get("id") {
        return refused(Check::Subject, "the session and its user do not belong together");
    }
    let proof =
        CredentialProof { was_asked, ..CredentialProof::asked(via, confirmed_at, expires_at) };
    Caller::from_session(id, proof, user, session, reading)
}
