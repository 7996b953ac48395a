//! For the framework only, which does not export this module to applications: proofs of privileges.

pub use hallpass_types::trusted::VerifiedSubject;

/// Creates proofs of privileges.
pub trait ProvedPrivilege {
    /// Creates a proof. Only for the code that evaluates rules, after a rule was met.
    #[must_use]
    fn proved() -> Self;
}
