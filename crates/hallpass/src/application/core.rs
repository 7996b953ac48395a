//! The domains of the core: for applications that merge the queries of users and of the audit log.

use super::Domain;
use crate::access::ADMIN;
use crate::audit::AuditEvent;
use crate::core_schema::User;

impl Domain {
    /// Known users, for applications with [`KnownUserQuery`](crate::core_schema::KnownUserQuery): administrators find
    /// them by `node`.
    #[must_use]
    pub fn users() -> Self {
        Self::new("users").guarded_node_by_text::<User>(ADMIN, "users:read")
    }

    /// The audit log, for applications with [`AuditQuery`](crate::audit::AuditQuery): administrators find its events by
    /// `node`.
    #[must_use]
    pub fn audit() -> Self {
        Self::new("audit").guarded_node::<AuditEvent>(ADMIN)
    }
}
