//! The owner filter: the condition that every statement on owned rows has.

use sea_orm::{ColumnTrait as _, Condition};

use crate::UserId;
use crate::policy::OwnedEntity;

/// Puts the owner into statements. There is nothing to set, but where tests are built.
#[derive(Clone, Copy, Default)]
pub(crate) struct OwnerFilter {
    #[cfg(feature = "testing")]
    is_forgotten: bool,
}

impl OwnerFilter {
    /// The rows of `owner`, and no others.
    pub(crate) fn condition<E: OwnedEntity>(self, owner: &UserId) -> Condition {
        #[cfg(feature = "testing")]
        if self.is_forgotten {
            return Condition::all();
        }
        Condition::all().add(E::OWNER.eq(owner.clone()))
    }
}

#[cfg(feature = "testing")]
impl crate::Database {
    /// The same database, whose scopes forget whose the rows are. For tests of leaks, which have to fail
    /// on it.
    #[must_use]
    pub fn without_owner_filter(mut self) -> Self {
        self.owning.is_forgotten = true;
        self
    }
}
