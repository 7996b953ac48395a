//! For the framework only, which does not export this module to applications: proofs of privileges, and scopes of tenants.

pub use hallpass_types::trusted::{VerifiedSubject, VerifiedTenant};

use crate::TenantId;

/// Creates proofs of privileges.
pub trait ProvedPrivilege {
    /// Creates a proof. Only for the code that evaluates rules, after a rule was met.
    #[must_use]
    fn proved() -> Self;
}

/// Gives a scope the rows of a tenant.
pub trait TenantScope {
    /// The same scope, with the rows of `tenant`. Only for the code that makes the scope of a caller, whose verified
    /// claim names the tenant.
    #[must_use]
    fn of_tenant(self, tenant: Option<TenantId>) -> Self;
}
