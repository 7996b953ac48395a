//! The id of a tenant.

use crate::trusted::VerifiedTenant;

/// The auth server's id of a tenant, which is an organization: the value of a verified claim, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "sea-orm", derive(sea_orm::DeriveValueType))]
pub struct TenantId(String);

impl VerifiedTenant for TenantId {
    fn from_verified_claim(value: String) -> Self {
        Self(value)
    }
}

impl TenantId {
    /// The id as the auth server writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Required by the derive macro of tables keyed by it; no database generates these ids.
#[cfg(feature = "sea-orm")]
impl sea_orm::TryFromU64 for TenantId {
    fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
        Err(sea_orm::DbErr::ConvertFromU64("TenantId"))
    }
}
