//! Why a credential is not accepted.

use std::time::Duration;

/// The checks of a credential, in the order in which they are made: whatever failed, those before it
/// held, and those after it were not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// It is a credential at all, shown once and in the right place.
    Form,
    /// Its header asks for nothing that is not understood (RFC 7515 section 4.1.11).
    Header,
    /// It is a kind of credential that the settings let in.
    Kind,
    /// Its algorithm is accepted and is its key's (RFC 8725 section 3.1).
    Algorithm,
    /// Its key is in the key set.
    Key,
    /// The holder of the key or the secret signed it.
    Signature,
    /// It has not expired, and is valid already (RFC 7519 sections 4.1.4 to 4.1.6).
    Times,
    /// An accepted issuer made it (RFC 8725 section 3.8).
    Issuer,
    /// It is meant for us (RFC 8725 section 3.9).
    Audience,
    /// The auth server knows it.
    Known,
    /// It names a user.
    Subject,
    /// The user is not banned.
    Ban,
    /// It was not taken back.
    Revocation,
}

/// Every check, in order.
pub const CHECKS: [Check; 13] = [
    Check::Form,
    Check::Header,
    Check::Kind,
    Check::Algorithm,
    Check::Key,
    Check::Signature,
    Check::Times,
    Check::Issuer,
    Check::Audience,
    Check::Known,
    Check::Subject,
    Check::Ban,
    Check::Revocation,
];

impl Check {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Header => "header",
            Self::Kind => "kind",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Times => "times",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Known => "known",
            Self::Subject => "subject",
            Self::Ban => "ban",
            Self::Revocation => "revocation",
        }
    }

    /// What holds where it holds.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Form => "it is a credential, shown once and in the right place",
            Self::Header => "its header asks for nothing that is not understood",
            Self::Kind => "the settings let credentials of its kind in",
            Self::Algorithm => "its algorithm is accepted, and is its key's",
            Self::Key => "its key is in the key set",
            Self::Signature => "somebody who has the key or the secret signed it",
            Self::Times => "it has not expired, and is valid already",
            Self::Issuer => "an accepted issuer made it",
            Self::Audience => "it is meant for this server",
            Self::Known => "the auth server knows it",
            Self::Subject => "it names a user",
            Self::Ban => "the user is not banned",
            Self::Revocation => "it was not taken back",
        }
    }
}

/// Why a credential was refused: a sentence without anything of the credential in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialRejected {
    /// The check that failed.
    pub check: Check,
    /// Why.
    pub reason: &'static str,
}

/// What a scheme says of a credential that it did not accept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AuthError {
    /// It is not good.
    Refused(CredentialRejected),
    /// Whether it is good cannot be found out now.
    Unavailable(Unavailable),
}

/// How long the client should wait before asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// As the auth server said, or as long as it is not asked.
    pub retry_after: Duration,
    /// Whether it answers well, and says that this credential was used too often.
    pub is_own_limit: bool,
}

impl Unavailable {
    /// The auth server cannot tell; ask again after so long.
    pub(crate) fn of(retry_after: Duration) -> Self {
        Self { retry_after, is_own_limit: false }
    }
}

impl From<CredentialRejected> for AuthError {
    fn from(refusal: CredentialRejected) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unavailable> for AuthError {
    fn from(outage: Unavailable) -> Self {
        Self::Unavailable(outage)
    }
}

pub(crate) fn refused<T>(check: Check, reason: &'static str) -> Result<T, AuthError> {
    Err(AuthError::Refused(CredentialRejected { check, reason }))
}
