//! Validation of the `Host` header (RFC 9112 section 3.2): HTTP/1.1 requests have exactly one, with a valid host. That of an
//! HTTP/2 request is its `:authority` (RFC 9113 section 8.3.1).

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Request, Version};

/// Sets the `Host` of an HTTP/2 request; false if it has another one.
pub(super) fn set_from_authority<B>(request: &mut Request<B>) -> bool {
    let Some(authority) = request.uri().authority().filter(|_| is_http2(request.version())) else {
        return true;
    };
    let Ok(host) = HeaderValue::from_str(authority.as_str()) else { return false };
    let headers = request.headers_mut();
    let is_same = headers.get_all(HOST).iter().all(|other| *other == host);
    headers.insert(HOST, host);
    is_same
}

/// Whether the version is HTTP/2.
pub(super) fn is_http2(version: Version) -> bool {
    version == Version::HTTP_2
}

/// Whether a request of this HTTP `version` has the required `Host`.
pub(super) fn is_valid(version: Version, headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(HOST).iter();
    match (all.next(), all.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => is_host_and_port(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), without user information.
fn is_host_and_port(value: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(value) else { return false };
    let host = authority.host();
    let Some(rest) = authority.as_str().strip_prefix(host) else { return false };
    let has_port = match rest.strip_prefix(':') {
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+'),
        None => rest.is_empty(),
    };
    let literal = host.strip_prefix('[').map(|rest| rest.strip_suffix(']').unwrap_or_default());
    let is_host = literal.is_none_or(|literal| literal.parse::<std::net::Ipv6Addr>().is_ok());
    has_port && is_host && !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(version: Version, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        is_valid(version, &headers)
    }

    #[test]
    fn one_host_is_needed_from_http_1_1_on() {
        assert!(accepts(Version::HTTP_11, &["api.example.com"]));
        assert!(!accepts(Version::HTTP_11, &[]));
        assert!(accepts(Version::HTTP_10, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!accepts(version, &["api.example.com", "api.example.com"]));
            assert!(!accepts(version, &["api.example.com, other.example.com"]));
        }
    }

    #[test]
    fn host_of_http2_is_its_authority() {
        for (version, hosts, expected) in [
            (Version::HTTP_2, &[][..], Some("a:80")),
            (Version::HTTP_2, &["a:80"], Some("a:80")),
            (Version::HTTP_2, &["a"], None),
            (Version::HTTP_2, &["a:80", "b"], None),
            (Version::HTTP_11, &["b"], Some("b")),
        ] {
            let mut request = Request::builder().uri("http://a:80/").version(version);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let mut request = request.body(()).unwrap();
            let is_same = set_from_authority(&mut request);
            assert_eq!(is_same, expected.is_some(), "{hosts:?}");
            assert!(expected.is_none_or(|host| request.headers()[HOST] == host), "{hosts:?}");
        }
    }

    #[test]
    fn host_is_a_name_or_address_with_a_port_at_most() {
        for good in ["a", "a.example:8000", "127.0.0.1:80", "[::1]:8000", "[::1]", "a_b.c", "a:"] {
            assert!(accepts(Version::HTTP_11, &[good]), "{good}");
        }
        for bad in [
            "", ":80", "a:b", "a:99999", "a:+80", "user@a", "a/b", "a b", "http://a", "[::1", "[x]",
        ] {
            assert!(!accepts(Version::HTTP_11, &[bad]), "{bad}");
        }
    }
}
