//! Proof of a privilege, required to access rows of all owners.

/// The proof that a rule of role, tier or permission was met. It is required by the methods of
/// [`Scope`](crate::Scope) that access rows of other owners.
#[derive(Clone, Copy, Debug)]
pub struct Privilege(());

impl Privilege {
    /// Creates a proof. Only for the code that evaluates rules, after a rule was met.
    #[must_use]
    pub fn proved() -> Self {
        Self(())
    }
}
