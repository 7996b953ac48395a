//! Users looked up at the auth server, machine to machine: for administrators, who may ask about
//! others. Better Auth has no such endpoint for machines; the application puts one up.

use std::collections::BTreeSet;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::claims::{Claims, as_text, email_address, first_of, refuse_banned, text, words};
use super::cookies::sensitive;
use super::refusal::Outage;
use super::upstream::{Answer, Line, NoAnswer, Question};
use crate::config::{ClaimNames, UserLookup};

/// Looks users up.
pub struct Users {
    lookup: Option<UserLookup>,
    names: ClaimNames,
    line: Line,
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
    Unavailable(Outage),
}

impl Users {
    pub(super) fn new(lookup: Option<UserLookup>, names: ClaimNames, line: Line) -> Self {
        Self { lookup, names, line }
    }

    /// The user with this id; none when the auth server knows none.
    ///
    /// # Errors
    /// When there is no endpoint to ask, or the auth server cannot tell.
    pub async fn find(&self, id: &str) -> Result<Option<User>, LookupError> {
        let Some(UserLookup { url, key }) = &self.lookup else {
            return Err(LookupError::NotConfigured);
        };
        // Dots alone would name another path, even percent-encoded (WHATWG URL section 4.2).
        if id.is_empty() || id.len() > 255 || id.bytes().all(|byte| byte == b'.') {
            return Ok(None);
        }
        let answer = ask(&self.line, url, key, id).await.map_err(|no_answer| {
            no_answer.tell("a user");
            LookupError::Unavailable(no_answer.outage())
        })?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let user = body.get("user").unwrap_or(&body).as_object();
        match user.filter(|user| text(user, "id").as_deref() == Some(id)) {
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
            name: text(user, "name"),
            roles: words(first_of(user, &self.names.role), &[',']),
            tier: as_text(first_of(user, &self.names.tier)),
            banned: refuse_banned(user).is_err(),
        }
    }
}

/// What the endpoint at `url` answers about the user with this id.
pub(super) async fn ask(
    line: &Line,
    url: &str,
    key: &SecretString,
    id: &str,
) -> Result<Answer, NoAnswer> {
    line.ask(&Question::get(address(url, id), authorized(key))).await
}

/// The id is one segment of the path, whatever it holds.
fn address(url: &str, id: &str) -> Url {
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    Url::parse(&url.replace("{id}", &id)).expect("the settings hold an address")
}

fn authorized(key: &SecretString) -> HeaderMap {
    let bearer = sensitive(&format!("Bearer {}", key.expose_secret()));
    bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect()
}
