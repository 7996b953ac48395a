//! The caller: what is known of who is asking, from a credential that was verified.
//!
//! The fields are private and the constructors belong to the schemes beside this file: holding a
//! [`Caller`] is the proof that a credential was accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use hallpass_entity::{Timestamp, UserId, now};
use serde_json::{Map, Value};

use super::{Fault, refused};
use crate::config::{ClaimNames, Tiers};

/// A JSON object: the claims of a token, or the user of a session.
pub(super) type Claims = Map<String, Value>;

/// A person or a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    User,
    /// A machine, which owns nothing.
    Service,
}

/// The kind of credential that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A session cookie, validated at the auth server.
    SessionCookie,
    /// A bearer session token, validated at the auth server.
    SessionToken,
    /// A JWT signed with a key of the key set.
    Jwt,
    /// A JWT signed with the shared secret.
    SharedSecret,
}

/// Who is asking.
#[derive(Clone)]
pub struct Caller {
    id: UserId,
    kind: Kind,
    via: Via,
    email: Option<String>,
    email_verified: bool,
    name: Option<String>,
    roles: BTreeSet<String>,
    tier: String,
    permissions: BTreeSet<String>,
    organization_id: Option<String>,
    software_background: Option<String>,
    hardware_background: Option<String>,
    interest_area: Option<String>,
    session_id: Option<String>,
    impersonated_by: Option<String>,
    expires_at: Timestamp,
}

/// Says what kind of caller it is and nothing of whom: callers end up in logs.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("kind", &self.kind)
            .field("via", &self.via)
            .finish_non_exhaustive()
    }
}

/// How a caller's properties are read.
pub(super) struct Reading<'a> {
    pub(super) names: &'a ClaimNames,
    pub(super) tiers: &'a Tiers,
}

/// A subject that can be a user's id: not empty, at most 255 bytes, no control characters. It is
/// used byte for byte (OpenID Connect Core section 2 sets the length).
pub(super) fn subject(value: Option<&Value>) -> Result<UserId, Fault> {
    match value.and_then(Value::as_str) {
        Some(text)
            if !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control) =>
        {
            #[expect(clippy::disallowed_methods, reason = "the credential was just verified")]
            Ok(UserId::from_verified_subject(text.to_owned()))
        }
        _ => refused("the subject is missing or is no user id"),
    }
}

impl Caller {
    /// The caller whom verified `claims` describe.
    pub(super) fn from_claims(
        id: UserId,
        via: Via,
        claims: &Claims,
        expires_at: Timestamp,
        reading: &Reading<'_>,
    ) -> Result<Self, Fault> {
        refuse_banned(claims)?;
        let tier = text(claims, &reading.names.tier);
        Ok(Self {
            id,
            kind: Kind::User,
            via,
            email: text(claims, "email"),
            email_verified: ["emailVerified", "email_verified"]
                .iter()
                .any(|name| claims.get(*name).and_then(Value::as_bool) == Some(true)),
            name: text(claims, "name"),
            roles: words(claims, &reading.names.role, &[',']),
            tier: tier.unwrap_or_else(|| reading.tiers.lowest().to_owned()),
            permissions: words(claims, &reading.names.permissions, &[',', ' ']),
            organization_id: text(claims, &reading.names.organization),
            software_background: text(claims, "softwareBackground"),
            hardware_background: text(claims, "hardwareBackground"),
            interest_area: text(claims, "interestArea"),
            session_id: None,
            impersonated_by: None,
            expires_at,
        })
    }

    /// The caller of a live session: its user, and what the session itself knows.
    pub(super) fn from_session(
        id: UserId,
        via: Via,
        user: &Claims,
        session: &Claims,
        expires_at: Timestamp,
        reading: &Reading<'_>,
    ) -> Result<Self, Fault> {
        let caller = Self::from_claims(id, via, user, expires_at, reading)?;
        let organization = text(session, "activeOrganizationId");
        Ok(Self {
            organization_id: caller.organization_id.or(organization),
            session_id: text(session, "id"),
            impersonated_by: text(session, "impersonatedBy"),
            ..caller
        })
    }

    /// The auth server's id of the user.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// A person or a machine.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The kind of credential that was accepted.
    #[must_use]
    pub fn via(&self) -> Via {
        self.via
    }

    /// The e-mail address, if the credential says.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether the auth server verified the address.
    #[must_use]
    pub fn email_verified(&self) -> bool {
        self.email_verified
    }

    /// The name, if the credential says.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The roles held.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The tier held; the lowest when the credential says none.
    #[must_use]
    pub fn tier(&self) -> &str {
        &self.tier
    }

    /// The permissions held.
    #[must_use]
    pub fn permissions(&self) -> &BTreeSet<String> {
        &self.permissions
    }

    /// The organization acted for.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.organization_id.as_deref()
    }

    /// Experience with software, as the auth server writes it.
    #[must_use]
    pub fn software_background(&self) -> Option<&str> {
        self.software_background.as_deref()
    }

    /// Experience with hardware, as the auth server writes it.
    #[must_use]
    pub fn hardware_background(&self) -> Option<&str> {
        self.hardware_background.as_deref()
    }

    /// What the caller wants to learn about.
    #[must_use]
    pub fn interest_area(&self) -> Option<&str> {
        self.interest_area.as_deref()
    }

    /// The id of the session, where the credential is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The id of the administrator who acts as this user.
    #[must_use]
    pub fn impersonated_by(&self) -> Option<&str> {
        self.impersonated_by.as_deref()
    }

    /// When the credential ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long the credential still lasts.
    pub(super) fn remaining(&self) -> Duration {
        (self.expires_at - now()).to_std().unwrap_or_default()
    }
}

/// Better Auth leaves `banned` true after the ban is over: it counts until `banExpires`.
fn refuse_banned(claims: &Claims) -> Result<(), Fault> {
    match claims.get("banned") {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(()),
        Some(_) => {}
    }
    let over = match claims.get("banExpires") {
        Some(expires) => moment(expires).is_some_and(|end| end <= now()),
        None => false,
    };
    if over { Ok(()) } else { refused("the user is banned") }
}

/// A date as Better Auth writes it: ISO 8601 text; or milliseconds, as some adapters do.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
        Value::Number(number) => number.as_i64().and_then(DateTime::from_timestamp_millis),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text(claims: &Claims, name: &str) -> Option<String> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A set of words, from a text with separators or a list of texts.
fn words(claims: &Claims, name: &str, separators: &[char]) -> BTreeSet<String> {
    let clean = |word: &str| {
        let word = word.trim();
        (!word.is_empty()).then(|| word.to_owned())
    };
    match claims.get(name) {
        Some(Value::String(text)) => text.split(separators).filter_map(clean).collect(),
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).filter_map(clean).collect()
        }
        _ => BTreeSet::new(),
    }
}
