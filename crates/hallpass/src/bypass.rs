//! Bypasses: the registered ways around the scopes, each with its reason. `access --bypasses` lists them.

use serde::Serialize;

/// A way around the scopes, with the reason why no scope serves. It is registered with
/// [`Domain::bypass`](crate::Domain::bypass), and given to
/// [`ServerHandle::unscoped`](crate::application::ServerHandle::unscoped):
///
/// ```
/// use hallpass::bypass::Bypass;
///
/// const DIGEST: Bypass = Bypass::new("digest", "the nightly digest counts the notes of all users");
/// ```
///
/// A bypass states its reason:
///
/// ```compile_fail,E0080
/// use hallpass::bypass::Bypass;
///
/// const DIGEST: Bypass = Bypass::new("digest", "");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bypass {
    name: &'static str,
    reason: &'static str,
}

impl Bypass {
    /// A bypass.
    ///
    /// # Panics
    /// If the name or the reason is empty; in a constant, this is an error of the compiler.
    #[must_use]
    pub const fn new(name: &'static str, reason: &'static str) -> Self {
        assert!(!name.is_empty(), "a bypass has a name");
        assert!(!reason.is_empty(), "a bypass states its reason");
        Self { name, reason }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Why no scope serves.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.reason
    }
}

/// A bypass was used that no domain has registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the bypass {0} is not registered: add .bypass(…) to the domain, so that `access --bypasses` lists it"
)]
pub struct UnregisteredBypass(pub(crate) &'static str);

/// Declares the bypasses of the core, and their list.
macro_rules! core_bypasses {
    ($($constant:ident: $name:literal, $reason:literal;)*) => {
        $(pub(crate) const $constant: Bypass = Bypass::new($name, $reason);)*

        /// The bypasses of the core.
        pub const CORE: &[Bypass] = &[$($constant),*];
    };
}

core_bypasses! {
    ACTIVITY: "activity", "activity records belong to the server";
    AUDIT: "audit", "the audit log belongs to the server";
    CATALOG: "catalog", "the catalog is not one of the tables";
    DEMO: "demo", "the demo is loaded before requests are served";
    HEALTH: "health", "a health check reads no table";
    IDEMPOTENCY: "idempotency", "expired idempotency keys of all users are deleted";
    KEY_SETS: "key-sets", "key sets are server state";
    MIGRATIONS: "migrations", "the list of applied migrations belongs to the migration library";
    PUSHES: "pushes", "the doctor counts pushed revocations";
    REVOCATIONS: "revocations", "revocations are server state, and a guest's rows become their account's";
}
