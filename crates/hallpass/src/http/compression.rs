//! Compression of responses: GraphQL responses and the SDL, of a known length of at least 1 KiB. Streams have no known
//! length.
//!
//! A page that can make a browser send a user's cookie with text of its own, and sees the length of compressed
//! responses, finds out the rest of their content (the BREACH attack). So a request with cookies gets a compressed
//! response only if the browser reports that a page of the same site sent it. Other credentials are sent by the code
//! that has them. Responses with credentials in them (`/dev/personas`) are never compressed.

use std::convert::Infallible;
use std::future::ready;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use axum::http::header::{ACCEPT_ENCODING, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Shorter responses fit into one packet, and are sent as they are.
const MIN_BYTES: u64 = 1024;
/// Level of each coding: the responses are compressed while the client waits.
const LEVEL: i32 = 4;
/// The codings, best first. Libraries of Node.js ask for zstd, which Node.js before 22.15 cannot decode.
const CODINGS: [&str; 3] = ["br", "zstd", "gzip"];

/// A response of a route, compressed.
pub(super) async fn layer(request: Request<Body>, next: Next) -> Response {
    let coding = negotiate(request.headers());
    compress(next.run(request).await, coding).await
}

/// The coding of the response to a request with these headers, if there is one.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<&'static str> {
    may_compress(headers).then(|| preferred(headers)).flatten()
}

/// The response, compressed with `coding` if it has a known length and is worth it. The state of the coder is large:
/// other responses are not moved into it.
pub(super) async fn compress(response: Response, coding: Option<&'static str>) -> Response {
    let Some(coding) = coding.filter(|_| is_long(&response)) else { return response };
    let mut request = Request::new(response);
    request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(coding));
    let respond = |request: Request<Response>| ready(Ok::<_, Infallible>(request.into_body()));
    let level = CompressionLevel::Precise(LEVEL);
    let compressed = CompressionLayer::new().quality(level).layer(service_fn(respond));
    match Box::pin(compressed.oneshot(request)).await {
        Ok(response) => response.map(Body::new),
        Err(infallible) => match infallible {},
    }
}

/// Whether a response has a known length, and is worth compressing.
fn is_long(response: &Response) -> bool {
    response.body().size_hint().exact().is_some_and(|length| length >= MIN_BYTES)
}

/// Whether no page of another site can have sent the request with a credential that it does not have.
fn may_compress(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    !headers.contains_key(COOKIE)
        || site.is_some_and(|site| site == "same-origin" || site == "same-site")
}

/// The coding with the highest quality (RFC 9110 section 12.5.3), of several the best.
fn preferred(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<_> = values.flat_map(|value| value.split(',')).map(quality).collect();
    let quality_of = |name: &str| {
        let named = |wanted: &str| {
            accepted.iter().find(|(coding, _)| coding.eq_ignore_ascii_case(wanted)).map(|it| it.1)
        };
        named(name).or_else(|| named("*")).unwrap_or(0.0)
    };
    let mut best: Option<(f32, &'static str)> = None;
    for coding in CODINGS {
        let quality = quality_of(coding);
        if quality > best.map_or(0.0, |(other, _)| other) {
            best = Some((quality, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// An element of `Accept-Encoding`: the coding and its quality.
fn quality(element: &str) -> (&str, f32) {
    let mut parts = element.split(';').map(str::trim);
    let coding = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    (coding, quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coding_of_highest_quality_is_chosen() {
        for (accepted, coding) in [
            (&["gzip"][..], Some("gzip")),
            (&["gzip, deflate, br, zstd"], Some("br")),
            (&["gzip, deflate, zstd"], Some("zstd")),
            (&["br;q=0.9, zstd"], Some("zstd")),
            (&["gzip", "br"], Some("br")),
            (&["br;q=0.5, gzip"], Some("gzip")),
            (&["GZIP;Q=0.8"], Some("gzip")),
            (&["*"], Some("br")),
            (&["br;q=0, *;q=0.1"], Some("zstd")),
            (&["gzip;q=0"], None),
            (&["identity;q=0"], None),
            (&["deflate"], None),
            (&[""], None),
            (&["gzip;q=much"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in accepted {
                headers.append(ACCEPT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(preferred(&headers), coding, "{accepted:?}");
        }
    }
}
