//! Which credential a request shows. With `cookies` and `same_site`, the only files that touch the
//! headers and cookie names that carry one.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;

use super::claims::Unambiguous;
use super::cookies::{self, LONGEST_FORWARDED, SessionCookie, sensitive};

/// The header that Better Auth's API key plugin reads unless told otherwise.
const API_KEY: &str = "x-api-key";
/// More than any token that says who it is for.
const LONGEST: usize = 16 * 1024;

/// The one credential that decides: `Authorization`, else `x-api-key`, else the cookies.
pub(super) enum Credential {
    /// None was shown.
    Absent,
    /// Something was shown that cannot be a good credential.
    Unusable(&'static str),
    /// A bearer token in three parts.
    Jwt(SecretString),
    /// Any other bearer token: a session token, with or without its signature, or an access token.
    Opaque(SecretString),
    /// An API key.
    ApiKey(SecretString),
    /// The session cookies.
    Cookies(Vec<SessionCookie>),
}

pub(super) fn find(headers: &HeaderMap, cookie_prefix: &str) -> Credential {
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers);
    }
    if headers.contains_key(API_KEY) {
        return api_key(headers);
    }
    match cookies::find(headers, cookie_prefix) {
        Ok(cookies) if cookies.is_empty() => Credential::Absent,
        Ok(cookies) => Credential::Cookies(cookies),
        Err(reason) => Credential::Unusable(reason),
    }
}

/// The headers of a WebSocket's handshake, and beside them what the payload of its `connection_init`
/// shows by the same names: so the same rules decide, and who shows two of a kind shows none that is
/// good. None when the payload is no JSON object, or names a member twice.
#[must_use]
pub fn shown_together(mut headers: HeaderMap, payload: &str) -> Option<HeaderMap> {
    for (name, value) in Unambiguous::object(payload.as_bytes())? {
        let carriers = [AUTHORIZATION, HeaderName::from_static(API_KEY)];
        let carrier = carriers.into_iter().find(|it| name.eq_ignore_ascii_case(it.as_str()));
        let Some(carrier) = carrier else { continue };
        let shown = match value {
            Value::Null => continue,
            Value::String(text) => sensitive(&text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        // What is no credential was shown all the same: an empty one, which is refused.
        headers.append(carrier, shown.unwrap_or(HeaderValue::from_static("")));
    }
    Some(headers)
}

/// RFC 6750 section 2.1; the scheme's name is case-insensitive (RFC 9110 section 11.1), and the
/// header stands once (section 11.6.2).
fn bearer(headers: &HeaderMap) -> Credential {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Credential::Unusable("there is more than one Authorization header");
    };
    let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Credential::Unusable("the Authorization header is not `Bearer TOKEN`");
    };
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Credential::Unusable("the Authorization header is not `Bearer TOKEN`");
    }
    if token.is_empty() || token.len() > LONGEST || !token.bytes().all(is_token_byte) {
        return Credential::Unusable("the bearer token is empty, too long or malformed");
    }
    match token.bytes().filter(|byte| *byte == b'.').count() {
        0 | 1 if token.len() <= LONGEST_FORWARDED => Credential::Opaque(token.into()),
        2 => Credential::Jwt(token.into()),
        _ => Credential::Unusable("the bearer token is no compact JWS, and too long for another"),
    }
}

/// RFC 6750's `b64token`, and `%` for a signed session token that stayed percent-encoded.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(&byte)
}

fn api_key(headers: &HeaderMap) -> Credential {
    let mut all = headers.get_all(API_KEY).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Credential::Unusable("there is more than one API key");
    };
    match value.to_str() {
        Ok(key)
            if !key.is_empty()
                && key.len() <= LONGEST_FORWARDED
                && key.bytes().all(|it| it.is_ascii_graphic()) =>
        {
            Credential::ApiKey(key.into())
        }
        _ => Credential::Unusable("the API key is empty, too long or malformed"),
    }
}
