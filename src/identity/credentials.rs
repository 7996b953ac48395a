//! Which credential a request shows. The only file that touches the headers and cookie names that
//! carry one.

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Origin;

/// More than any credential Better Auth issues.
const LONGEST: usize = 16 * 1024;

/// The one credential that decides: `Authorization`, else `x-api-key`, else the cookies.
pub(super) enum Credential {
    /// None was shown.
    Absent,
    /// Something was shown that cannot be a good credential.
    Unusable(&'static str),
    /// A bearer token in three parts.
    Jwt(SecretString),
    /// Any other bearer token: a session token, with or without its signature.
    SessionToken(SecretString),
    /// The session cookies, as a `Cookie` header for the auth server.
    SessionCookies(SecretString),
}

pub(super) fn find(headers: &HeaderMap, cookie_prefix: &str) -> Credential {
    if headers.contains_key(AUTHORIZATION) {
        return bearer(headers);
    }
    if headers.contains_key("x-api-key") {
        return Credential::Unusable("API keys are not accepted here");
    }
    session_cookies(headers, cookie_prefix)
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
        0 | 1 => Credential::SessionToken(token.into()),
        2 => Credential::Jwt(token.into()),
        _ => Credential::Unusable("the bearer token is no compact JWS"),
    }
}

/// RFC 6750's `b64token`, and `%` for a signed session token that stayed percent-encoded.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(&byte)
}

fn session_cookies(headers: &HeaderMap, prefix: &str) -> Credential {
    if !headers.contains_key(COOKIE) {
        return Credential::Absent;
    }
    let plain = format!("{prefix}.session_token");
    let secure = format!("__Secure-{plain}");
    let mut found: Vec<(&str, &str)> = Vec::new();
    for header in headers.get_all(COOKIE) {
        let Ok(header) = std::str::from_utf8(header.as_bytes()) else {
            return Credential::Unusable("the Cookie header is not text");
        };
        for (name, value) in header.split(';').filter_map(|pair| pair.trim().split_once('=')) {
            if name != plain && name != secure {
                continue;
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Credential::Unusable("there is more than one session cookie");
            }
            if value.is_empty() || value.len() > LONGEST || !value.bytes().all(is_cookie_byte) {
                return Credential::Unusable("the session cookie is empty, too long or malformed");
            }
            found.push((name, value));
        }
    }
    if found.is_empty() {
        return Credential::Absent;
    }
    let pairs: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Credential::SessionCookies(pairs.join("; ").into())
}

/// RFC 6265's `cookie-octet`, and the quotes that may stand around.
fn is_cookie_byte(byte: u8) -> bool {
    byte == b'"' || (byte.is_ascii_graphic() && !b",;\\".contains(&byte))
}

impl Credential {
    /// The header by which the auth server is asked about a session.
    pub(super) fn forwarded(&self) -> Option<(&'static str, HeaderValue)> {
        let (name, text) = match self {
            Self::SessionToken(token) => {
                ("authorization", format!("Bearer {}", token.expose_secret()))
            }
            Self::SessionCookies(cookies) => ("cookie", cookies.expose_secret().to_owned()),
            Self::Absent | Self::Unusable(_) | Self::Jwt(_) => return None,
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

/// Whether a cookie was sent because a page asked, not because a browser adds cookies unasked.
///
/// A server that forwards a cookie sends no `Origin`, and is fine. The rules are those of the OWASP
/// cheat sheet on cross-site request forgery: the origin is checked where there is one, and a
/// request that a page could send without asking first (a GET) needs a header that it could not add.
pub(super) struct SameSite {
    allowed: Vec<String>,
}

/// Headers that a page can add only after the browser asked us (a CORS preflight).
const PREFLIGHTED: [&str; 3] =
    ["graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"];

impl SameSite {
    pub(super) fn new(allowed: &[Origin]) -> Self {
        Self { allowed: allowed.iter().map(|origin| origin.0.clone()).collect() }
    }

    pub(super) fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match headers.get(ORIGIN) {
            Some(_) if !origins.all(|origin| self.is_allowed(origin, headers)) => {
                return Err("the request comes from a page of another origin: add the page's \
                            origin to ALLOWED_ORIGINS, or send a bearer token");
            }
            None if sent_across_sites(headers) => {
                return Err("the request was sent by a page of another site");
            }
            Some(_) | None => {}
        }
        if method == Method::POST || PREFLIGHTED.iter().any(|name| headers.contains_key(*name)) {
            return Ok(());
        }
        Err("a GET with a cookie needs the header `GraphQL-Require-Preflight: 1`")
    }

    fn is_allowed(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        if self.allowed.iter().any(|allowed| allowed == origin) {
            return true;
        }
        let own = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        own.is_some() && host == own
    }
}

fn sent_across_sites(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| !["same-origin", "none"].iter().any(|own| site == own))
}
