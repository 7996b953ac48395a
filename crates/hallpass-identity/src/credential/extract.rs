//! Credential extraction from request headers. With `cookies` and `csrf`, the only files that read
//! the headers and cookies that carry credentials.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;

use super::cookies;
use super::cookies::{CookieNames, MAX_FORWARDED_BYTES, SessionCookie, mark_sensitive};
use super::expected_user::EXPECTED_USER;
use crate::config::IdentityConfig;
use crate::jose::better_auth_secret::SecretKeyring;
use crate::strict_json::StrictJson;

/// Larger than any usual JWT.
const MAX_CREDENTIAL_BYTES: usize = 16 * 1024;
/// The longest single word in `Authorization` that is parsed as the name of a scheme, such as `Negotiate`,
/// and not as a token without a scheme.
const MAX_SCHEME_BYTES: usize = 20;
/// Replaces a value of `connection_init` that is not a string: malformed in every header.
const MALFORMED: &str = "Bearer ?";

/// The names of the headers and cookies that carry credentials.
pub(crate) struct CarrierNames {
    /// The cookies.
    pub(crate) cookies: CookieNames,
    /// The header that carries API keys.
    pub(crate) api_key: HeaderName,
}

impl CarrierNames {
    pub(crate) fn of(config: &IdentityConfig) -> Self {
        let cookies = CookieNames {
            session: config.session_cookie.clone(),
            data: format!("{}.session_data", config.cookie_prefix),
        };
        Self { cookies, api_key: config.api_key_header.clone() }
    }
}

/// The one credential that is used: `Authorization`, else the API key header, else the cookies.
pub(crate) enum Credential {
    /// None was presented.
    Absent,
    /// A malformed credential.
    Unusable(&'static str),
    /// A bearer token with three parts.
    Jwt(SecretString),
    /// Any other bearer token: a session token, with or without its signature, or an access token.
    Opaque(SecretString),
    /// An API key.
    ApiKey(SecretString),
    /// The session cookies.
    Cookies(Vec<SessionCookie>),
}

impl Credential {
    /// Its kind; none if there is no credential.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Unusable(_) => Some("malformed"),
            Self::Jwt(_) => Some("jwt"),
            Self::Opaque(_) => Some("bearer_token"),
            Self::ApiKey(_) => Some("api_key"),
            Self::Cookies(_) => Some("cookie"),
        }
    }
}

/// Extracts the credential. Empty headers are ignored, and so is an `Authorization` header of another
/// scheme than Bearer: a proxy in front may use it for itself.
pub(crate) fn extract(
    headers: &HeaderMap,
    names: &CarrierNames,
    secrets: &SecretKeyring,
) -> Credential {
    if let Some(bearer) = bearer(headers) {
        return bearer;
    }
    if let Some(api_key) = api_key(headers, &names.api_key) {
        return api_key;
    }
    match cookies::find(headers, &names.cookies, secrets) {
        Ok(cookies) if cookies.is_empty() => Credential::Absent,
        Ok(cookies) => Credential::Cookies(cookies),
        Err(reason) => Credential::Unusable(reason),
    }
}

/// Why the payload of `connection_init` is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInit {
    /// It is not a JSON object, or has a member twice.
    #[error("give a `payload` that is an object with each member once")]
    Malformed,
    /// A member looks like a credential, and is none that the server accepts. Ignored, its client would be anonymous.
    #[error("`{0}` is not accepted: send the credential as `authorization`")]
    Unknown(String),
}

/// Members that clients name a credential. Case, separators and a leading `x-` are ignored. Cookies are among them: a
/// page cannot read that of its session, and others send it in the handshake.
const NAMES_OF_CREDENTIALS: [&str; 12] = [
    "token",
    "authtoken",
    "accesstoken",
    "bearertoken",
    "sessiontoken",
    "idtoken",
    "jwt",
    "bearer",
    "apikey",
    "cookie",
    "cookies",
    "sessioncookie",
];

fn looks_like_credential(name: &str, names: &CarrierNames) -> bool {
    let bare = name.strip_prefix("__Secure-").unwrap_or(name);
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    let is_listed = |name: &str| NAMES_OF_CREDENTIALS.contains(&name);
    bare == names.cookies.session
        || is_listed(&letters)
        || letters.strip_prefix('x').is_some_and(is_listed)
}

/// Adds the credentials in the payload of `connection_init`, or in its member `headers`, to the headers of the WebSocket
/// handshake, under the same names, and the user whom the client names: the same rules apply, and two of a kind are
/// rejected.
pub(crate) fn merge_connection_init(
    mut headers: HeaderMap,
    payload: &str,
    names: &CarrierNames,
) -> Result<HeaderMap, InvalidInit> {
    for (name, value) in StrictJson::object(payload.as_bytes()).ok_or(InvalidInit::Malformed)? {
        match value {
            Value::Object(members) if name.eq_ignore_ascii_case("headers") => {
                for (name, value) in members {
                    merge_member(&mut headers, &name, value, names)?;
                }
            }
            value => merge_member(&mut headers, &name, value, names)?,
        }
    }
    Ok(headers)
}

fn merge_member(
    headers: &mut HeaderMap,
    name: &str,
    value: Value,
    names: &CarrierNames,
) -> Result<(), InvalidInit> {
    let mut carriers = [AUTHORIZATION, names.api_key.clone(), EXPECTED_USER].into_iter();
    let is_empty = value.as_str().is_some_and(|text| text.trim_ascii().is_empty());
    let shown = match value {
        Value::Null => return Ok(()),
        Value::String(text) => mark_sensitive(&text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match carriers.find(|it| name.eq_ignore_ascii_case(it.as_str())) {
        Some(carrier) => {
            headers.append(carrier, shown.unwrap_or(HeaderValue::from_static(MALFORMED)));
            Ok(())
        }
        None if !is_empty && looks_like_credential(name, names) => {
            Err(InvalidInit::Unknown(name.to_owned()))
        }
        None => Ok(()),
    }
}

/// The content of an `Authorization` header.
enum Authorization<'a> {
    /// Nothing, or another scheme, which is ignored.
    Nothing,
    /// The parameters of `Bearer`.
    Bearer(&'a [u8]),
    /// A value that is not a scheme with its parameters.
    Malformed,
}

/// RFC 9110 section 11.4: a scheme, then its parameters after a space.
fn parse_authorization(value: &HeaderValue) -> Authorization<'_> {
    let value = value.as_bytes().trim_ascii();
    let end = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
    let (scheme, parameters) = value.split_at(end);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    if value.is_empty() {
        Authorization::Nothing
    } else if scheme.eq_ignore_ascii_case(b"bearer") {
        Authorization::Bearer(parameters)
    } else if scheme.iter().all(is_word) && scheme.len() <= MAX_SCHEME_BYTES {
        Authorization::Nothing
    } else {
        Authorization::Malformed
    }
}

/// RFC 6750 section 2.1; the scheme's name is case-insensitive (RFC 9110 section 11.1), and it may appear
/// once (section 11.6.2). None when no header has one.
fn bearer(headers: &HeaderMap) -> Option<Credential> {
    let all = headers.get_all(AUTHORIZATION).iter().map(parse_authorization);
    let mut all = all.filter(|shown| !matches!(shown, Authorization::Nothing));
    let only = match (all.next()?, all.next()) {
        (only, None) => only,
        (_, Some(_)) => {
            return Some(Credential::Unusable("there is more than one Authorization header"));
        }
    };
    let Authorization::Bearer(token) = only else {
        return Some(Credential::Unusable("the Authorization header is not `Bearer TOKEN`"));
    };
    let token = std::str::from_utf8(token).unwrap_or_default().trim_matches(' ');
    if token.is_empty() || token.len() > MAX_CREDENTIAL_BYTES || !are_token_bytes(token) {
        return Some(Credential::Unusable("the bearer token is empty, too long or malformed"));
    }
    Some(match token.matches('.').count() {
        0 | 1 if token.len() <= MAX_FORWARDED_BYTES => Credential::Opaque(token.into()),
        2 => Credential::Jwt(token.into()),
        _ => Credential::Unusable(
            "the bearer token is not a compact JWS, and too long for another kind of token",
        ),
    })
}

/// Whether all are of RFC 6750's `b64token`, or `%` of a signed session token that is still percent-encoded. Without an
/// early exit, the compiler compares many bytes at once.
fn are_token_bytes(token: &str) -> bool {
    token.bytes().fold(true, |all, byte| all & is_token_byte(byte))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
        | (byte == b'/')
        | (byte == b'=')
        | (byte == b'%')
}

/// The API key; none when its header is absent or empty.
fn api_key(headers: &HeaderMap, name: &HeaderName) -> Option<Credential> {
    let all = headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
    let mut all = all.filter(|value| !value.is_empty());
    let key = match (all.next()?, all.next()) {
        (key, None) => std::str::from_utf8(key).unwrap_or_default(),
        (_, Some(_)) => return Some(Credential::Unusable("there is more than one API key")),
    };
    let is_usable = !key.is_empty()
        && key.len() <= MAX_FORWARDED_BYTES
        && key.bytes().all(|it| it.is_ascii_graphic());
    Some(match is_usable {
        true => Credential::ApiKey(key.into()),
        false => Credential::Unusable("the API key is too long or malformed"),
    })
}
