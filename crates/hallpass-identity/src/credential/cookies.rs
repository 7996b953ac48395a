//! Cookie parsing (RFC 6265): Better Auth's session cookie and cookie cache.

use std::borrow::Cow;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::jose::better_auth_secret::SecretKeyring;

/// Longer than any credential that Better Auth issues; more could exceed its header limits.
pub(crate) const MAX_FORWARDED_BYTES: usize = 2 * 1024;
/// More chunks than a browser keeps of a chunked cookie.
const MAX_CHUNKS: usize = 20;
/// More values of one name than the paths and domains of one site can produce; the rest is ignored.
const MAX_VALUES: usize = 8;

/// The names of Better Auth's cookies, without `__Secure-`.
pub(crate) struct CookieNames {
    /// The session cookie.
    pub(crate) session: String,
    /// The cookie cache.
    pub(crate) data: String,
}

/// A session cookie, and the cookie cache sent with it.
pub(crate) struct SessionCookie {
    name: String,
    /// As it was sent.
    value: SecretString,
    /// `TOKEN.SIGNATURE`, decoded.
    signed_token: SecretString,
    /// The value of `session_data` with the same prefix, its chunks joined.
    data: Option<SecretString>,
    /// Whether only an https response can have set it (`__Secure-`).
    is_secure: bool,
}

impl SessionCookie {
    /// The session token with its signature, decoded.
    pub(crate) fn signed_token(&self) -> &str {
        self.signed_token.expose_secret()
    }

    /// The session token.
    pub(crate) fn token(&self) -> &str {
        self.signed_token().split_once('.').map_or("", |(token, _)| token)
    }

    /// Whether only an https response can have set it.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The value of the cookie cache.
    pub(crate) fn cookie_cache_value(&self) -> Option<&str> {
        self.data.as_ref().map(ExposeSecret::expose_secret)
    }
}

/// The session cookies, that of `__Secure-` first: a page on a sibling host cannot have set it. Of several
/// cookies of one name the first is used, as at the auth server; with its secret, the first with a valid
/// signature. Empty ones are ignored, like empty headers: a sign-out may leave one.
pub(crate) fn find(
    headers: &HeaderMap,
    names: &CookieNames,
    secrets: &SecretKeyring,
) -> Result<Vec<SessionCookie>, &'static str> {
    let headers = headers.get_all(COOKIE).iter().map(|header| header.as_bytes());
    let pairs: Vec<_> =
        headers.flat_map(|it| it.split(|byte| *byte == b';')).filter_map(pair).collect();
    let mut found = Vec::new();
    for (is_secure, prefix) in [(true, "__Secure-"), (false, "")] {
        let name = format!("{prefix}{}", names.session);
        let given = values(&pairs, &name).into_iter().filter(|value| !is_empty(value));
        let all: Vec<_> = given.map(readable).collect();
        let Some(first) = all.first() else { continue };
        let mut readable = all.iter().flatten();
        let signed = readable.find(|(_, decoded)| secrets.signed_session_token(decoded));
        let Some((value, decoded)) = signed.or(first.as_ref()) else {
            return Err("the session cookie is too long or malformed");
        };
        // Only for the first name: a sibling host can set the other.
        let data = found.is_empty().then(|| format!("{prefix}{}", names.data));
        let data = data.and_then(|name| session_data(&pairs, &name));
        let (value, signed_token) = ((*value).into(), decoded.clone().into());
        found.push(SessionCookie { name, value, signed_token, data, is_secure });
    }
    Ok(found)
}

/// The value of a session cookie, as sent and decoded; none when it is malformed.
fn readable(value: &[u8]) -> Option<(&str, String)> {
    let value = text(value).filter(|it| it.len() <= MAX_FORWARDED_BYTES)?;
    Some((value, decoded(value.trim_matches('"'))?))
}

/// Whether there is nothing between the quotes, if any.
fn is_empty(value: &[u8]) -> bool {
    value.trim_ascii().iter().all(|byte| *byte == b'"')
}

/// A name and a value, as bytes: an unrelated cookie that is not UTF-8 does not invalidate the others.
type CookiePair<'a> = (&'a [u8], &'a [u8]);

/// RFC 6265 section 5.2: surrounding white space is trimmed; in a header that is ASCII only.
fn pair(bytes: &[u8]) -> Option<CookiePair<'_>> {
    let bytes = bytes.trim_ascii();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// The distinct values of `name`, in order.
fn values<'a>(pairs: &[CookiePair<'a>], name: &str) -> Vec<&'a [u8]> {
    let mut different = Vec::new();
    for (_, value) in pairs.iter().filter(|(other, _)| *other == name.as_bytes()) {
        if different.len() < MAX_VALUES && !different.contains(value) {
            different.push(*value);
        }
    }
    different
}

/// A value of RFC 6265's `cookie-octet`s, optionally quoted.
fn text(value: &[u8]) -> Option<&str> {
    let octet = |byte: &u8| *byte == b'"' || (byte.is_ascii_graphic() && !b",;\\".contains(byte));
    std::str::from_utf8(value).ok().filter(|_| value.iter().all(octet))
}

/// Percent-decodes a value: Better Auth encodes, and some clients decode.
pub(crate) fn decoded(value: &str) -> Option<String> {
    percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}

/// The one value of that name, or the joined values of `name.0`, `name.1` … None when they are
/// ambiguous or too long: the session token is valid without them.
fn session_data(pairs: &[CookiePair<'_>], name: &str) -> Option<SecretString> {
    let the_one = |name: &str| match values(pairs, name)[..] {
        [value] => text(value),
        _ => None,
    };
    let whole = the_one(name).map(str::to_owned);
    let data = whole.unwrap_or_else(|| {
        (0..MAX_CHUNKS).map_while(|part| the_one(&format!("{name}.{part}"))).collect()
    });
    (!data.is_empty() && data.len() <= MAX_CHUNKS * 4096).then(|| data.into())
}

/// The cookies as a header for the auth server, which picks the name that it uses.
pub(crate) fn header(cookies: &[SessionCookie]) -> Option<HeaderValue> {
    let pairs: Vec<_> = cookies
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose_secret()))
        .collect();
    mark_sensitive(&pairs.join("; "))
}

/// A header value that is never printed.
pub(crate) fn mark_sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
