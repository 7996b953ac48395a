//! What a request showed of who is asking, kept for as long as it matters: to be decided on, to be confirmed
//! anew, and to be watched.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use hallpass_entity::Timestamp;

use super::{Authenticator, Caller, Decision};

/// What a request, or the start of a connection, showed.
pub struct Evidence {
    authenticator: Arc<Authenticator>,
    method: Method,
    headers: HeaderMap,
    address: IpAddr,
}

impl Evidence {
    /// Of a request with these `headers`, from this end user.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        method: Method,
        headers: HeaderMap,
        address: IpAddr,
    ) -> Self {
        Self { authenticator, method, headers, address }
    }

    /// The end user's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Who it shows now.
    pub async fn decide(&self) -> Decision {
        self.authenticator.decide(&self.method, &self.headers, self.address).await
    }

    /// Who it shows, as the auth server confirmed it `since` then. What it can be asked about (sessions, API
    /// keys, opaque access tokens) is asked about again; a signed token says what it always said.
    pub async fn confirmed_since(&self, since: Timestamp) -> Decision {
        self.authenticator.judge(&self.method, &self.headers, self.address, since).await
    }

    /// Waits until it does not show `caller` any more, and says why.
    pub async fn outlast(&self, caller: Arc<Caller>) -> Decision {
        self.authenticator.outlast(caller, &self.method, &self.headers, self.address).await
    }
}
