//! Asking again: whether the caller of a request is still who they were.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use hallpass_entity::Timestamp;

use super::{Authenticator, Decision};

/// What a request showed, kept for as long as it is answered, so that its caller can be confirmed anew.
pub struct Recheck {
    authenticator: Arc<Authenticator>,
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl Recheck {
    /// For a request with these `headers`, from this end user.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        method: Method,
        headers: HeaderMap,
        address: IpAddr,
    ) -> Self {
        Self { authenticator, method, headers, address }
    }

    /// Who sent the request, as the auth server confirmed it `since` then. What it can be asked about
    /// (sessions, API keys, opaque access tokens) is asked about again; a signed token says what it
    /// always said.
    pub async fn since(&self, since: Timestamp) -> Decision {
        self.authenticator.judge(&self.method, &self.headers, self.address, since).await
    }
}
