//! Revocation webhooks: messages of the auth server per the Standard Webhooks specification, with a
//! signature over id, timestamp and body.

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_types::{Timestamp, UserId, now};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::envelope::Envelope;
use super::error::WebhookError;
use super::{Revocation, Target};
use crate::auth_server::user_state::UserState;
use crate::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::claims::{UserField, subject_claim};
use crate::config::{ClaimNames, IdentityConfig, Tiers};

/// The longest accepted id of a session or user.
const MAX_ID_BYTES: usize = 255;

/// Verifies and parses messages.
pub struct Webhook {
    keys: Vec<hmac::Key>,
    names: ClaimNames,
    tiers: Tiers,
    user_fields: Vec<UserField>,
}

/// A message that the auth server signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id, for deduplication.
    pub id: String,
    /// The revocation.
    pub revocation: Revocation,
}

/// A message that links a guest to the account they signed in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The id of the message.
    pub message: String,
    /// The time it was sent, by the clock of the auth server.
    pub at: Timestamp,
    /// The guest.
    pub from: UserId,
    /// The user who owns the guest's rows from now on.
    pub to: UserId,
}

impl Webhook {
    /// A verifier for messages signed with one of the `REVOCATION_SECRET`s: `whsec_` and base64, or plain
    /// text.
    #[must_use]
    pub fn new(config: &IdentityConfig) -> Self {
        let key = |secret: &SecretString| {
            let text = secret.expose_secret();
            let decoded = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
            let bytes = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
            hmac::Key::new(hmac::HMAC_SHA256, &bytes)
        };
        Self {
            keys: config.revocation_secrets.iter().map(key).collect(),
            names: config.claims.clone(),
            tiers: config.tiers.clone(),
            user_fields: config.user_fields.clone(),
        }
    }

    /// Parses the `headers` of a message. No signature is computed yet.
    ///
    /// # Errors
    /// When a header is missing, repeated, too long or malformed, or the timestamp is out of range.
    pub fn read_headers<'a>(&self, headers: &'a HeaderMap) -> Result<Envelope<'a>, WebhookError> {
        Envelope::read(headers)
    }

    /// Verifies and parses the message in this `envelope` with this `body`.
    ///
    /// # Errors
    /// When no secret signed it, or its type or data is not supported.
    pub fn read(&self, envelope: &Envelope<'_>, body: &[u8]) -> Result<Message, WebhookError> {
        self.check_signature(envelope, body)?;
        let revocation = Revocation { target: self.target(body)?, at: envelope.at };
        Ok(Message { id: envelope.id.to_owned(), revocation })
    }

    /// The same, for a message that links a guest to an account.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_link(&self, envelope: &Envelope<'_>, body: &[u8]) -> Result<Link, WebhookError> {
        self.check_signature(envelope, body)?;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if body["type"] != "identity.linked" {
            return Err(WebhookError::Malformed("type is not identity.linked"));
        }
        let user = |name| {
            let id = id(&body["data"], name)?;
            subject_claim(Some(&id.into())).map_err(|_| {
                WebhookError::Malformed("data holds a user id with control characters")
            })
        };
        let (from, to) = (user("fromUserId")?, user("toUserId")?);
        if from == to {
            return Err(WebhookError::Malformed("data.fromUserId and data.toUserId are the same"));
        }
        Ok(Link { message: envelope.id.to_owned(), at: envelope.at, from, to })
    }

    fn check_signature(&self, envelope: &Envelope<'_>, body: &[u8]) -> Result<(), WebhookError> {
        match self.keys.iter().any(|key| envelope.is_signed(key, body)) {
            true => Ok(()),
            false => Err(WebhookError::Signature),
        }
    }

    fn target(&self, body: &[u8]) -> Result<Target, WebhookError> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let data = &body["data"];
        match body["type"].as_str() {
            Some("session.revoked") => id(data, "sessionId").map(Target::Session),
            Some("session.changed") => id(data, "sessionId").map(Target::Changed),
            Some("api-key.changed") => id(data, "apiKeyId").map(Target::Changed),
            Some("member.removed") => member(data, false),
            Some("member.added") => member(data, true),
            Some("organization.deleted") => id(data, "organizationId").map(Target::Organization),
            Some("user.changed") => id(data, "userId").map(|id| match self.state(&data["user"]) {
                Some(state) => Target::UserIn(id, state),
                None => Target::User(id),
            }),
            _ => Err(WebhookError::Malformed(
                "type is none of session.revoked, session.changed, api-key.changed, user.changed, \
                 member.removed, member.added and organization.deleted",
            )),
        }
    }

    /// The current state of a user, read like a token's claims. None for a banned user, or when the message
    /// does not include it: then no earlier token stays valid.
    fn state(&self, user: &Value) -> Option<UserState> {
        let user = user.as_object()?;
        let id = subject_claim(user.get("id")).ok()?;
        let Self { names, tiers, user_fields, .. } = self;
        let mapping = ClaimMapping { names, tiers, user_fields };
        let (confirmed_at, expires_at) = (now(), now());
        let proof = CredentialProof {
            was_validated: false,
            ..CredentialProof::validated(AuthMethod::Jwt, confirmed_at, expires_at)
        };
        Caller::from_claims(id, proof, user, &mapping).ok().map(|user| UserState::of(&user))
    }
}

fn member(data: &Value, is_member: bool) -> Result<Target, WebhookError> {
    Ok(Target::Member(id(data, "userId")?, id(data, "organizationId")?, is_member))
}

fn id(data: &Value, name: &'static str) -> Result<String, WebhookError> {
    let id = data[name].as_str().filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES);
    id.map(str::to_owned).ok_or(WebhookError::Malformed(match name {
        "sessionId" => "data.sessionId is missing or is not an id",
        "organizationId" => "data.organizationId is missing or is not an id",
        "fromUserId" => "data.fromUserId is missing or is not an id",
        "toUserId" => "data.toUserId is missing or is not an id",
        "apiKeyId" => "data.apiKeyId is missing or is not an id",
        _ => "data.userId is missing or is not an id",
    }))
}
