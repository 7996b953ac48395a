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
    allowed: Vec<String>,
    /// Whether a request that a page can send without a preflight needs a header that causes one. Not for
    /// services whose GET changes nothing.
    requires_preflight: bool,
}

/// Headers that a page can add only after a CORS preflight.
const PREFLIGHT_HEADERS: [&str; 3] =
    ["graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"];

impl CsrfPolicy {
    pub(crate) fn new(allowed: &[Origin]) -> Self {
        let allowed = allowed.iter().map(|origin| origin.0.clone()).collect();
        Self { allowed, requires_preflight: true }
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
        let Ok(origin) = origin.to_str() else { return false };
        if self.allowed.iter().any(|allowed| allowed == origin) {
            return true;
        }
        let own = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        own.is_some() && host == own
    }
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
