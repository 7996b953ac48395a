//! For the code that verifies credentials. The framework does not export this module to applications.

/// Creates user ids.
pub trait VerifiedSubject: Sized {
    /// Takes a subject as verified. Only the code that verifies credentials may call this: the holder of a
    /// [`UserId`](crate::UserId) can be given that user's rows.
    #[must_use]
    fn from_verified_subject(subject: String) -> Self;
}

/// Creates tenant ids.
pub trait VerifiedTenant: Sized {
    /// Takes the value of a claim as verified. Only the code that verifies credentials may call this: the holder of a
    /// [`TenantId`](crate::TenantId) can be given that tenant's rows.
    #[must_use]
    fn from_verified_claim(value: String) -> Self;
}
