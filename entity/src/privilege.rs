//! Proof of a privilege: opens the rows of all owners.

/// The proof that a rule of role, tier or permission was met. It opens the doors to rows that are not
/// the caller's own; holding one is the reason why they open.
#[derive(Clone, Copy, Debug)]
pub struct Privilege(());

impl Privilege {
    /// A proof. For the code that decides rules, after having decided one.
    #[must_use]
    pub fn proved() -> Self {
        Self(())
    }
}
