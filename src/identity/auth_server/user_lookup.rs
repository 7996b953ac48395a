//! Users looked up at the auth server, machine to machine: for administrators, who may ask about
//! others. Better Auth has no such endpoint for machines; the application puts one up.

use std::collections::BTreeSet;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::client::{Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse};
use crate::config::{ClaimNames, UserLookupConfig};
use crate::identity::claims::{
    Claims, as_text, email_address, first_of, refuse_banned, string_claim, string_list_claim,
};
use crate::identity::credential::cookies::mark_sensitive;
use crate::identity::error::Unavailable;

/// Looks users up.
pub struct UserLookup {
    lookup: Option<UserLookupConfig>,
    names: ClaimNames,
    line: Endpoint,
}

/// A user, as the auth server knows them.
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
    /// The auth server cannot tell now.
    Unavailable(Unavailable),
}

impl UserLookup {
    pub(crate) fn new(lookup: Option<UserLookupConfig>, names: ClaimNames, line: Endpoint) -> Self {
        Self { lookup, names, line }
    }

    /// The user with this id; none when the auth server knows none.
    ///
    /// # Errors
    /// When there is no endpoint to ask, or the auth server cannot tell.
    pub async fn find(&self, id: &str) -> Result<Option<User>, LookupError> {
        let Some(UserLookupConfig { url, key }) = &self.lookup else {
            return Err(LookupError::NotConfigured);
        };
        // Dots alone would name another path, even percent-encoded (WHATWG URL section 4.2).
        if id.is_empty() || id.len() > 255 || id.bytes().all(|byte| byte == b'.') {
            return Ok(None);
        }
        let answer = request(&self.line, url, key, id).await.map_err(|no_answer| {
            no_answer.log_outcome("a user");
            LookupError::Unavailable(no_answer.outage())
        })?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let user = body.get("user").unwrap_or(&body).as_object();
        match user.filter(|user| string_claim(user, "id").as_deref() == Some(id)) {
            Some(user) if answer.status == StatusCode::OK => Ok(Some(self.read(id, user))),
            _ => {
                tracing::warn!(status = %answer.status, "the auth server could not tell about a user");
                Err(LookupError::Unavailable(answer.outage()))
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
            banned: refuse_banned(user).is_err(),
        }
    }
}

/// What the endpoint at `url` answers about the user with this id.
pub(crate) async fn request(
    line: &Endpoint,
    url: &str,
    key: &SecretString,
    id: &str,
) -> Result<UpstreamResponse, UpstreamError> {
    line.send_with_retry(&UpstreamRequest::get(address(url, id), authorized(key))).await
}

/// The id is one segment of the path, whatever it holds.
fn address(url: &str, id: &str) -> Url {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    Url::parse(&url.replace("{id}", &id)).expect("the settings hold an address")
}

fn authorized(key: &SecretString) -> HeaderMap {
    let bearer = mark_sensitive(&format!("Bearer {}", key.expose_secret()));
    bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect()
}
