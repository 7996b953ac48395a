//! Authentication errors: the checks of a credential, and the reasons why one is not accepted.

use std::time::Duration;

use strum::{IntoStaticStr, VariantArray};

/// The checks of a credential, in the order in which they run: all checks before the failed one
/// passed, and those after it were not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Check {
    /// It is a well-formed credential, presented once and in the right header.
    Form,
    /// Its header requires no unsupported feature (RFC 7515 section 4.1.11).
    Header,
    /// The settings accept credentials of its kind.
    Kind,
    /// Its algorithm is accepted and is its key's (RFC 8725 section 3.1).
    Algorithm,
    /// Its key is in the key set.
    Key,
    /// It is signed with the key or the secret.
    Signature,
    /// It has not expired and is already valid (RFC 7519 sections 4.1.4 to 4.1.6).
    Times,
    /// Its issuer is accepted (RFC 8725 section 3.8).
    Issuer,
    /// This server is its audience (RFC 8725 section 3.9).
    Audience,
    /// The auth server knows it.
    Known,
    /// It identifies a user.
    Subject,
    /// The user is not banned.
    Ban,
    /// It has not been revoked.
    Revocation,
}

/// Every check, in order.
pub const CHECKS: &[Check] = Check::VARIANTS;

impl Check {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What is true of a credential that passes the check.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Form => "it is a credential, presented once and in the right header",
            Self::Header => "its header requires no unsupported feature",
            Self::Kind => "the settings accept credentials of its kind",
            Self::Algorithm => "its algorithm is accepted and matches its key",
            Self::Key => "its key is in the key set",
            Self::Signature => "it is signed with the key or the secret",
            Self::Times => "it has not expired and is already valid",
            Self::Issuer => "its issuer is accepted",
            Self::Audience => "this server is its audience",
            Self::Known => "the auth server knows it",
            Self::Subject => "it identifies a user",
            Self::Ban => "the user is not banned",
            Self::Revocation => "it has not been revoked",
        }
    }
}

/// A rejected credential. The reason contains no part of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialRejected {
    /// The check that failed.
    pub check: Check,
    /// Why.
    pub reason: &'static str,
}

/// Reasons of credentials that have expired.
pub(crate) const TOKEN_EXPIRED: &str = "the token has expired";
pub(crate) const ACCESS_TOKEN_EXPIRED: &str = "the access token has expired";
pub(crate) const SESSION_EXPIRED: &str = "the session has expired";

impl CredentialRejected {
    /// Whether it has expired. What only its issuer can write, such as a signature, was checked before.
    #[must_use]
    pub fn is_expiry(&self) -> bool {
        [TOKEN_EXPIRED, ACCESS_TOKEN_EXPIRED, SESSION_EXPIRED].contains(&self.reason)
    }
}

/// The error of a scheme that did not accept a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AuthError {
    /// It is not valid.
    Rejected(CredentialRejected),
    /// It cannot be validated now.
    Unavailable(Unavailable),
}

/// The credential cannot be validated now, and when the client may retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// The auth server's `Retry-After`, or how long its circuit breaker stays open.
    pub retry_after: Duration,
    /// Why.
    pub cause: UnavailableCause,
}

/// Why a credential cannot be validated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnavailableCause {
    /// The auth server is not available.
    AuthServer,
    /// The auth server is available, and this credential exceeded its own rate limit.
    OwnLimit,
    /// The key of the token is not in the key set, which is not fetched again yet: other tokens with unknown keys had it
    /// fetched just now.
    UnknownKey,
}

impl Unavailable {
    /// The auth server is not available; retry after this time.
    pub(crate) fn of(retry_after: Duration) -> Self {
        Self { retry_after, cause: UnavailableCause::AuthServer }
    }
}

impl From<CredentialRejected> for AuthError {
    fn from(rejection: CredentialRejected) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Unavailable> for AuthError {
    fn from(outage: Unavailable) -> Self {
        Self::Unavailable(outage)
    }
}

pub(crate) fn rejected<T>(check: Check, reason: &'static str) -> Result<T, AuthError> {
    Err(AuthError::Rejected(CredentialRejected { check, reason }))
}
