//! The owner filter: the condition on the owner, or on the tenant, in every statement on their rows.

use sea_orm::{ColumnTrait as _, Condition};

use crate::policy::{OwnedEntity, TenantEntity};
use crate::{TenantId, UserId};

/// Adds the owner to statements. It can be disabled in builds for tests only.
#[derive(Clone, Copy, Default)]
pub(crate) struct OwnerFilter {
    #[cfg(feature = "testing")]
    is_disabled: bool,
}

impl OwnerFilter {
    /// Only the rows of `owner`.
    pub(crate) fn condition<E: OwnedEntity>(self, owner: &UserId) -> Condition {
        #[cfg(feature = "testing")]
        if self.is_disabled {
            return Condition::all();
        }
        Condition::all().add(E::OWNER.eq(owner.clone()))
    }

    /// Only the rows of `tenant`.
    pub(crate) fn tenant_condition<E: TenantEntity>(self, tenant: &TenantId) -> Condition {
        #[cfg(feature = "testing")]
        if self.is_disabled {
            return Condition::all();
        }
        Condition::all().add(E::TENANT.eq(tenant.clone()))
    }
}

#[cfg(feature = "testing")]
impl crate::Database {
    /// The same database without the owner filter. For the isolation tests, which must fail on it.
    #[must_use]
    pub fn without_owner_filter(mut self) -> Self {
        self.owner_filter.is_disabled = true;
        self
    }
}
