//! Queries and mutations of the core. An application merges those it wants into its root types.

mod analytics;
mod me;
mod users;

use std::sync::Arc;

use async_graphql::MergedObject;

use crate::audit::{Audit, AuditQuery};
use crate::schema::{CanQuery, NodeQuery};
use hallpass_identity::UserLookup;

pub use analytics::{Analytics, AnalyticsQuery, CoreAnalytics, TierCount};
pub use me::{AuthMethod, CallerKind, CoreMe, Me, MeQuery};
pub use users::{
    EraseUserPayload, ErasedRows, ErasureMutation, ErasureReport, KnownUserQuery, User, UserFilter,
    UserQuery,
};

/// What resolvers of the core share in all requests.
pub(crate) struct CoreServices {
    /// The users of the auth server.
    pub(crate) users: Arc<UserLookup>,
    /// The audit log.
    pub(crate) audit: Arc<Audit>,
}

/// All queries of the core: `me`, `viewer`, `node`, `can`, `users`, `user`, `auditEvents` and `analytics`.
#[derive(MergedObject, Default)]
pub struct CoreQuery(
    MeQuery,
    NodeQuery,
    CanQuery,
    UserQuery,
    KnownUserQuery,
    AnalyticsQuery,
    AuditQuery,
);

/// All mutations of the core: `eraseUser`.
pub type CoreMutation = ErasureMutation;
