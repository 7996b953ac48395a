//! User lookup at the auth server, service to service, for administrators. Better Auth has no such
//! endpoint for services; the application provides one.

use std::collections::BTreeSet;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::client::{Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::claims::{
    Claims, as_text, email_address, first_of, reject_banned, string_claim, string_list_claim,
};
use crate::config::{ClaimNames, UserLookupConfig};
use crate::credential::cookies::mark_sensitive;
use crate::error::Unavailable;

/// Client of the user lookup endpoint.
pub struct UserLookup {
    lookup: Option<UserLookupConfig>,
    names: ClaimNames,
    endpoint: Endpoint,
}

/// A user record of the auth server.
#[derive(Clone, Debug)]
pub struct User {
    /// The auth server's id.
    pub id: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the auth server verified the address.
    pub email_verified: bool,
    /// The name.
    pub name: Option<String>,
    /// The roles held.
    pub roles: BTreeSet<String>,
    /// The tier held.
    pub tier: Option<String>,
    /// Whether the user is banned now.
    pub banned: bool,
}

/// Why a user was not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// No endpoint or key is configured.
    NotConfigured,
    /// The auth server is not available.
    Unavailable(Unavailable),
}

impl UserLookup {
    pub(crate) fn new(
        lookup: Option<UserLookupConfig>,
        names: ClaimNames,
        endpoint: Endpoint,
    ) -> Self {
        Self { lookup, names, endpoint }
    }

    /// The user with this id; none when the auth server has none.
    ///
    /// # Errors
    /// When no endpoint is configured, or the auth server is not available.
    pub async fn find(&self, id: &str) -> Result<Option<User>, LookupError> {
        let Some(UserLookupConfig { url, key }) = &self.lookup else {
            return Err(LookupError::NotConfigured);
        };
        // An id of dots alone would change the path, even percent-encoded (WHATWG URL section 4.2).
        if id.is_empty() || id.len() > 255 || id.bytes().all(|byte| byte == b'.') {
            return Ok(None);
        }
        let response = request(&self.endpoint, url, key, id).await.map_err(|error| {
            error.log_outcome("a user");
            LookupError::Unavailable(error.outage())
        })?;
        if response.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
        let user = body.get("user").unwrap_or(&body).as_object();
        match user.filter(|user| string_claim(user, "id").as_deref() == Some(id)) {
            Some(user) if response.status == StatusCode::OK => Ok(Some(self.read(id, user))),
            _ => {
                tracing::warn!(status = %response.status, "unexpected response to a user lookup");
                Err(LookupError::Unavailable(response.outage()))
            }
        }
    }

    fn read(&self, id: &str, user: &Claims) -> User {
        User {
            id: id.to_owned(),
            email: email_address(user),
            email_verified: user.get("emailVerified").and_then(Value::as_bool) == Some(true),
            name: string_claim(user, "name"),
            roles: string_list_claim(first_of(user, &self.names.role), &[',']),
            tier: as_text(first_of(user, &self.names.tier)),
            banned: reject_banned(user).is_err(),
        }
    }
}

/// Requests the user with this id from the endpoint at `url`.
pub(crate) async fn request(
    endpoint: &Endpoint,
    url: &str,
    key: &SecretString,
    id: &str,
) -> Result<UpstreamResponse, UpstreamError> {
    endpoint.send(&UpstreamRequest::get(address(url, id), authorized(key))).await
}

/// The id is encoded as one path segment.
fn address(url: &str, id: &str) -> Url {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    Url::parse(&url.replace("{id}", &id)).expect("the settings hold an address")
}

fn authorized(key: &SecretString) -> HeaderMap {
    let bearer = mark_sensitive(&format!("Bearer {}", key.expose_secret()));
    bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect()
}
