//! Queries and mutations of the core. An application merges those it wants into its root types.

mod analytics;
mod me;
mod users;

use async_graphql::MergedObject;

use crate::audit::AuditQuery;
use crate::schema::{CanQuery, NodeQuery};

pub use analytics::{Analytics, AnalyticsQuery, CoreAnalytics, TierCount};
pub use me::{AuthMethod, CallerKind, CoreMe, Me, MeQuery};
pub use users::{
    EraseUserPayload, ErasedRows, ErasureMutation, ErasureReport, KnownUserQuery, User, UserFilter,
    UserQuery,
};

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
