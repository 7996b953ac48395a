//! Better Auth's cookies (RFC 6265).

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// More than any credential Better Auth issues.
pub(super) const LONGEST: usize = 16 * 1024;
/// More parts than a browser keeps of a cookie that was cut up.
const MOST_PARTS: usize = 20;

/// A session cookie, and the cache that stands beside it.
pub(super) struct SessionCookie {
    name: String,
    /// As it was sent.
    value: SecretString,
    /// `TOKEN.SIGNATURE`, decoded.
    signed_token: SecretString,
    /// What `session_data` of the same kind holds, its parts put together.
    data: Option<SecretString>,
    /// Whether only a page of https can have set it (`__Secure-`).
    is_secure: bool,
}

impl SessionCookie {
    /// The session's token and its signature, as the auth server wrote them.
    pub(super) fn signed_token(&self) -> &str {
        self.signed_token.expose_secret()
    }

    /// The session's token.
    pub(super) fn token(&self) -> &str {
        self.signed_token().split_once('.').map_or("", |(token, _)| token)
    }

    /// Whether only a page of https can have set it.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The cookie cache.
    pub(super) fn data(&self) -> Option<&str> {
        self.data.as_ref().map(ExposeSecret::expose_secret)
    }
}

/// The session cookies, that of `__Secure-` first: a page on a sibling host cannot have set it. Each
/// name may stand once.
pub(super) fn find(headers: &HeaderMap, prefix: &str) -> Result<Vec<SessionCookie>, &'static str> {
    let mut pairs = Vec::new();
    for header in headers.get_all(COOKIE) {
        let Ok(header) = std::str::from_utf8(header.as_bytes()) else {
            return Err("the Cookie header is not text");
        };
        pairs.extend(header.split(';').filter_map(|pair| {
            // RFC 6265 section 5.2 takes away these two, and no other white space.
            pair.trim_matches([' ', '\t']).split_once('=')
        }));
    }
    let mut found = Vec::new();
    for (is_secure, prefix) in [(true, format!("__Secure-{prefix}")), (false, prefix.to_owned())] {
        let name = format!("{prefix}.session_token");
        let mut values = pairs.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value);
        let Some(value) = values.next() else { continue };
        if values.next().is_some() {
            return Err("there is more than one session cookie");
        }
        if value.is_empty() || value.len() > LONGEST || !value.bytes().all(is_cookie_byte) {
            return Err("the session cookie is empty, too long or malformed");
        }
        let Some(decoded) = decoded(value.trim_matches('"')) else {
            return Err("the session cookie is empty, too long or malformed");
        };
        // Of two names only the first: what a sibling host planted under the other speaks for nobody.
        let name_of_data = format!("{prefix}.session_data");
        let data = found.is_empty().then(|| session_data(&pairs, &name_of_data)).flatten();
        let (value, signed_token) = (value.into(), decoded.into());
        found.push(SessionCookie { name, value, signed_token, data, is_secure });
    }
    Ok(found)
}

/// Without percent-encoding, which Better Auth writes and some clients take away.
pub(super) fn decoded(value: &str) -> Option<String> {
    percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// RFC 6265's `cookie-octet`, and the quotes that may stand around.
fn is_cookie_byte(byte: u8) -> bool {
    byte == b'"' || (byte.is_ascii_graphic() && !b",;\\".contains(&byte))
}

/// The one value of that name, or the values of `name.0`, `name.1` … put together. None where they are
/// ambiguous or too long: the session token counts without them.
fn session_data(pairs: &[(&str, &str)], name: &str) -> Option<SecretString> {
    let the_one = |name: &str| {
        let mut values = pairs.iter().filter(|(other, _)| *other == name).map(|(_, value)| *value);
        values.next().filter(|_| values.next().is_none())
    };
    let whole = the_one(name).map(str::to_owned);
    let data = whole.unwrap_or_else(|| {
        (0..MOST_PARTS).map_while(|part| the_one(&format!("{name}.{part}"))).collect()
    });
    (!data.is_empty() && data.len() <= MOST_PARTS * 4096).then(|| data.into())
}

/// The cookies as a header for the auth server, which knows by which name it goes.
pub(super) fn header(cookies: &[SessionCookie]) -> Option<HeaderValue> {
    let pairs: Vec<_> = cookies
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose_secret()))
        .collect();
    sensitive(&pairs.join("; "))
}

/// A header's value that is never printed.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
