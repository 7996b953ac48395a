//! The id of a user.

use crate::trusted::VerifiedSubject;

/// The auth server's id of a user: the verified subject of a credential, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
pub struct UserId(String);

impl VerifiedSubject for UserId {
    fn from_verified_subject(subject: String) -> Self {
        Self(subject)
    }
}

impl UserId {
    /// The id as the auth server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Required by the derive macro of tables keyed by it; no database generates these ids.
#[cfg(feature = "sea-orm")]
impl sea_orm::TryFromU64 for UserId {
    fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
        Err(sea_orm::DbErr::ConvertFromU64("UserId"))
    }
}
