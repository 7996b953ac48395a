//! Rows through the caller's scope: what domains use of the data crate.
//!
//! Not exported, so that every statement has a scope: the database, scopes of other callers, proofs of privileges, and
//! statements without a scope. An unscoped statement does not compile:
//!
//! ```compile_fail,E0433
//! let privilege = hallpass::data::trusted::ProvedPrivilege::proved();
//! ```

pub use hallpass_data::{
    ChildOf, Comparison, Concerns, CursorPosition, Editable, Error, Filter, FromRow, KeyMap,
    OfTenant, Order, OrderKey, Owned, PageRequest, PartialModel, Privilege, ReadOnly, Reason, Rows,
    Scope, SearchText, Searched, Set, SharedText, SortKey, TenantId, Term, TextIndex, Timestamp,
    Transaction, Update, UserId, known_user, now, owned, policy, row_id, seen_session, shared,
    tenant_owned, without_relations,
};
