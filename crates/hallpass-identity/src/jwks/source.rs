//! Sources of key sets: a JWKS URL, or OpenID Connect Discovery.

use std::time::Duration;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use futures_util::future::BoxFuture;
use reqwest::Url;
use serde_json::Value;

use crate::auth_server::client::{Endpoint, UpstreamError, UpstreamRequest};
use crate::jose::jwk::{KeySet, public_set, read_set};

/// A source that publishes a key set.
pub(crate) trait KeySource: Send + Sync + 'static {
    /// Fetches the current key set; fails when it has no usable key.
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeySet, UpstreamError>>;

    /// The name under which its keys are stored.
    fn name(&self) -> String;
}

/// A fetched key set.
pub(crate) struct FetchedKeySet {
    pub(crate) keys: KeySet,
    /// The same, serialized for the store.
    pub(crate) document: String,
    /// How long it is fresh, if the source states it (RFC 9111 section 5.2.2.1).
    pub(crate) max_age: Option<Duration>,
}

/// A JSON Web Key Set at a known URL.
pub(crate) struct JwksEndpoint {
    pub(crate) url: Url,
    pub(crate) endpoint: Endpoint,
}

impl KeySource for JwksEndpoint {
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeySet, UpstreamError>> {
        Box::pin(key_set(&self.endpoint, self.url.clone()))
    }

    fn name(&self) -> String {
        let mut url = self.url.clone();
        // Fails only for URLs that cannot have a password.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.to_string()
    }
}

/// The key set named in an OpenID provider's metadata (OpenID Connect Discovery section 4).
pub(crate) struct OidcDiscovery {
    pub(crate) issuer: String,
    pub(crate) endpoint: Endpoint,
}

impl KeySource for OidcDiscovery {
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeySet, UpstreamError>> {
        Box::pin(async {
            key_set(&self.endpoint, discover(&self.endpoint, &self.issuer).await?).await
        })
    }

    fn name(&self) -> String {
        format!("issuer {}", self.issuer)
    }
}

/// The URL of the key set of `issuer`, from its metadata.
pub(crate) async fn discover(endpoint: &Endpoint, issuer: &str) -> Result<Url, UpstreamError> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let address =
        Url::parse(&address).map_err(|_| UpstreamError::new("the issuer is not a web address"))?;
    let (metadata, _) = document(endpoint, address).await?;
    // Section 4.3: else one provider could impersonate another.
    if metadata.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(UpstreamError::new("the discovery document is another issuer's"));
    }
    metadata
        .get("jwks_uri")
        .and_then(|uri| Url::parse(uri.as_str()?).ok())
        .filter(|uri| may_publish(uri, issuer))
        .ok_or(UpstreamError::new("the discovery document names no key set"))
}

/// Whether the keys of `issuer` may come from `uri`: without TLS only if the issuer has none itself.
fn may_publish(uri: &Url, issuer: &str) -> bool {
    uri.scheme() == "https" || uri.scheme() == "http" && issuer.starts_with("http:")
}

async fn key_set(endpoint: &Endpoint, url: Url) -> Result<FetchedKeySet, UpstreamError> {
    let (document, max_age) = document(endpoint, url).await?;
    let keys = read_set(&document).ok_or(UpstreamError::new("there is no usable key in it"))?;
    Ok(FetchedKeySet { keys, document: public_set(&document).to_string(), max_age })
}

async fn document(
    endpoint: &Endpoint,
    url: Url,
) -> Result<(Value, Option<Duration>), UpstreamError> {
    let response = endpoint.send(&UpstreamRequest::get(url, HeaderMap::new())).await?;
    if response.status != StatusCode::OK {
        return Err(UpstreamError::new("the status is not 200"));
    }
    let document = serde_json::from_slice(&response.body)
        .map_err(|_| UpstreamError::new("the response is not JSON"))?;
    Ok((document, max_age(&response.headers)))
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(CACHE_CONTROL)?.to_str().ok()?.split(',');
    let seconds = directives.filter_map(|one| one.trim().strip_prefix("max-age=")).next()?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_an_https_issuer_come_by_https() {
        for (uri, issuer, may) in [
            ("https://keys.example/jwks", "https://id.example", true),
            ("https://keys.example/jwks", "http://id.example", true),
            ("http://id.example/jwks", "https://id.example", false),
            ("http://127.0.0.1:1/jwks", "http://127.0.0.1:1", true),
            ("file:///jwks", "http://127.0.0.1:1", false),
        ] {
            assert_eq!(may_publish(&Url::parse(uri).unwrap(), issuer), may, "{uri} of {issuer}");
        }
    }
}
