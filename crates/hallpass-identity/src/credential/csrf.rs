//! CSRF policy: accepts a cookie only when a page of an allowed origin sent it.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method};

use crate::config::Origin;

/// Accepts requests with cookies that a page of an allowed origin sent deliberately: browsers attach
/// cookies to cross-site requests too.
///
/// A server that forwards a cookie sends no `Origin`, and is accepted. The rules follow the OWASP
/// cheat sheet on cross-site request forgery: the origin is checked if present, and a request that
/// a page can send without a preflight (a GET) needs a header that would cause one.
pub(crate) struct CsrfPolicy {
    allowed: Vec<Origin>,
    /// Whether pages of this machine are allowed, at any port: in development.
    allows_loopback: bool,
    /// Whether a request that a page can send without a preflight needs a header that causes one. Not for
    /// services whose GET changes nothing.
    requires_preflight: bool,
}

/// Headers that a page can add only after a CORS preflight.
const PREFLIGHT_HEADERS: [&str; 3] =
    ["graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"];

impl CsrfPolicy {
    pub(crate) fn new(allowed: &[Origin]) -> Self {
        Self { allowed: allowed.to_vec(), allows_loopback: false, requires_preflight: true }
    }

    /// The same, also for pages of this machine, at any port.
    pub(crate) fn with_loopback(self) -> Self {
        Self { allows_loopback: true, ..self }
    }

    /// Whether any page of another origin is allowed.
    pub(crate) fn has_known_origins(&self) -> bool {
        self.allows_loopback || !self.allowed.is_empty()
    }

    /// Whether pages of this origin are allowed.
    pub(crate) fn is_known_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.allowed.iter().any(|allowed| allowed.matches(origin))
            || (self.allows_loopback && is_loopback(origin))
    }

    /// The same, for a service whose GET changes nothing.
    pub(crate) fn with_safe_get(self) -> Self {
        Self { requires_preflight: false, ..self }
    }

    pub(crate) fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), &'static str> {
        self.check_origin(headers)?;
        if !self.requires_preflight
            || method == Method::POST
            || PREFLIGHT_HEADERS.iter().any(|name| headers.contains_key(*name))
            || is_script_of_known_page(headers)
        {
            return Ok(());
        }
        Err("a GET with a cookie needs the header `GraphQL-Require-Preflight: 1`")
    }

    /// Checks that the page that sent the request, if any, is of an allowed origin.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut origins = headers.get_all(ORIGIN).iter();
        match headers.get(ORIGIN) {
            Some(_) if !origins.all(|origin| self.is_allowed(origin, headers)) => {
                Err("the request comes from a page of another origin: add the page's \
                     origin to ALLOWED_ORIGINS, or send a bearer token")
            }
            None if is_cross_site(headers) => Err("the request was sent by a page of another site"),
            Some(_) | None => Ok(()),
        }
    }

    fn is_allowed(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        if self.is_known_origin(origin) {
            return true;
        }
        let Ok(origin) = origin.to_str() else { return false };
        let own = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        own.is_some() && host == own
    }
}

/// Whether `origin` is of a page of this machine (RFC 6761 section 6.3: `localhost` is), at any port.
fn is_loopback(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let Some(host) = host else { return false };
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => match rest.strip_prefix(':') {
            Some(port) => (address, Some(port)),
            None => return false,
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let is_address = || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    (name == "localhost" || is_address()) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Whether the browser states that a script of a page sent the request whose origin has been checked, or a page of this
/// server (Fetch Metadata). Pages cannot set these headers.
fn is_script_of_known_page(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    let is_known = headers.contains_key(ORIGIN) && is("sec-fetch-mode", "cors");
    is_known || is("sec-fetch-site", "same-origin")
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| !["same-origin", "none"].iter().any(|own| site == own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_origins_are_allowed_in_development() {
        let (plain, local) = (CsrfPolicy::new(&[]), CsrfPolicy::new(&[]).with_loopback());
        for (origin, expected) in [
            ("http://localhost:5173", true),
            ("https://localhost", true),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://localhost.evil.example", false),
            ("http://localhost:5173.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://[::1].evil.example", false),
            ("http://[2001:db8::1]:3000", false),
            ("http://192.0.2.1:3000", false),
            ("app://localhost", false),
            ("null", false),
        ] {
            let origin = HeaderValue::from_static(origin);
            assert_eq!(local.is_known_origin(&origin), expected, "{origin:?}");
            assert!(!plain.is_known_origin(&origin), "{origin:?} in production");
        }
    }

    #[test]
    fn get_with_cookie_needs_a_known_page() {
        let policy = CsrfPolicy::new(&["https://app.example.com".parse().unwrap()]);
        let app = ("origin", "https://app.example.com");
        let other = ("origin", "https://evil.example");
        let cors = ("sec-fetch-mode", "cors");
        let cases: [(&[(&str, &str)], bool); 10] = [
            (&[], false),
            (&[("graphql-require-preflight", "1")], true),
            (&[app], false),
            (&[app, cors], true),
            (&[app, ("sec-fetch-mode", "no-cors")], false),
            (&[app, ("sec-fetch-mode", "navigate")], false),
            (&[other, cors], false),
            (&[cors], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site"), cors], false),
        ];
        for (given, accepted) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(policy.check(&Method::GET, &headers).is_ok(), accepted, "{given:?}");
        }
    }
}
