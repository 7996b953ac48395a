//! Better Auth's cookies (RFC 6265).

use std::borrow::Cow;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// Longer than what Better Auth issues to be shown to itself; more could be too much for its headers.
pub(super) const LONGEST_FORWARDED: usize = 2 * 1024;
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
    let headers = headers.get_all(COOKIE).iter().map(|header| header.as_bytes());
    let pairs: Vec<_> =
        headers.flat_map(|it| it.split(|byte| *byte == b';')).filter_map(pair).collect();
    let mut found = Vec::new();
    for (is_secure, prefix) in [(true, format!("__Secure-{prefix}")), (false, prefix.to_owned())] {
        let name = format!("{prefix}.session_token");
        let value = match values(&pairs, &name)[..] {
            [] => continue,
            [value] => value,
            _ => return Err("there is more than one session cookie"),
        };
        let value = text(value).filter(|it| !it.is_empty() && it.len() <= LONGEST_FORWARDED);
        let Some((value, decoded)) =
            value.and_then(|it| Some((it, decoded(it.trim_matches('"'))?)))
        else {
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

/// A name and a value, as bytes: what is no text in a cookie of somebody else's spoils none of ours.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// RFC 6265 section 5.2: white space around is no part of it, which in a header is ASCII's alone.
fn pair(bytes: &[u8]) -> Option<Pair<'_>> {
    let bytes = bytes.trim_ascii();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn values<'a>(pairs: &[Pair<'a>], name: &str) -> Vec<&'a [u8]> {
    let named = pairs.iter().filter(|(other, _)| *other == name.as_bytes());
    named.map(|(_, value)| *value).collect()
}

/// A value of RFC 6265's octets, and the quotes that may stand around.
fn text(value: &[u8]) -> Option<&str> {
    let octet = |byte: &u8| *byte == b'"' || (byte.is_ascii_graphic() && !b",;\\".contains(byte));
    std::str::from_utf8(value).ok().filter(|_| value.iter().all(octet))
}

/// Without percent-encoding, which Better Auth writes and some clients take away.
pub(super) fn decoded(value: &str) -> Option<String> {
    percent_decode_str(value).decode_utf8().ok().map(Cow::into_owned)
}

/// The one value of that name, or the values of `name.0`, `name.1` … put together. None where they are
/// ambiguous or too long: the session token counts without them.
fn session_data(pairs: &[Pair<'_>], name: &str) -> Option<SecretString> {
    let the_one = |name: &str| match values(pairs, name)[..] {
        [value] => text(value),
        _ => None,
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
