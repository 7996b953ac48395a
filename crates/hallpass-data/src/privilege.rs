//! Proof of a privilege, required to access rows of all owners.

use crate::trusted::ProvedPrivilege;

/// The proof that a rule of role, tier or permission was met. It is required by the methods of
/// [`Scope`](crate::Scope) that access rows of other owners.
#[derive(Clone, Copy, Debug)]
pub struct Privilege(());

impl ProvedPrivilege for Privilege {
    fn proved() -> Self {
        Self(())
    }
}
