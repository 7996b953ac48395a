//! Data access with ownership in the types: every query is scoped to its caller.
//!
//! Every table belongs to one policy ([`policy`]): **owned** rows have one owner and are reached only
//! through that owner's [`Scope`]; **tenant's** rows have one tenant, and are reached only through the scopes of
//! its members; **shared** rows are visible to everyone once published; **system** rows are
//! the server's own, which it writes and administrators may read. The connection stays inside this crate: a
//! [`Scope`] carries it and never returns it, so a query without its owner does not compile
//! elsewhere. This crate does not depend on HTTP or GraphQL.
//!
//! The tables of an application are in a crate of their own, each with a policy macro ([`owned!`], [`tenant_owned!`],
//! [`shared!`], [`system!`]); it lists those with owners in [`OwnedTables`]. The tables here are the core's own: the audit log,
//! revocations, known users, sessions, key sets and idempotency keys.

mod bulkhead;
mod connection;
mod database;
mod deadline;
mod error;
mod exclusive;
mod executor;
mod explain;
mod filter;
mod folded;
mod from_row;
mod group_sync;
mod handover;
mod health;
mod id;
mod idle;
mod insert_arrays;
mod key_map;
mod metrics;
mod notifications;
mod owned_tables;
mod owner_filter;
mod page;
mod partial_model;
pub mod policy;
mod pooler;
mod postgres;
mod privilege;
mod published;
mod queue_time;
mod quota;
mod reason;
mod relation;
mod rls_context;
mod row_security;
mod row_security_check;
mod rows;
pub mod scope;
mod search;
mod session_watch;
mod shared_cache;
mod shared_text;
mod sqlite;
mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
pub mod trusted;

pub mod audit;
pub mod erased_user;
pub mod idempotency_key;
pub mod key_set;
pub mod known_user;
pub mod revocation;
pub mod seen_session;

pub use bulkhead::Client;
pub use database::{Database, Options, Synchronous, System};
pub use error::Error;
pub use exclusive::Exclusive;
pub use executor::Executor;
pub use explain::explain;
pub use filter::{Comparison, Filter};
pub use folded::{SearchText, SortKey};
pub use from_row::{ColumnOf, ColumnValue, FromRow};
pub use handover::{HandedOver, Handover};
pub use id::{AuditEventId, IdempotencyClaimId, KnownUserId};
pub use key_map::{KeyHasher, KeyMap};
pub use metrics::DatabaseTime;
pub use notifications::{MAX_PAYLOAD_BYTES, Notification, NotificationConnection, Notifications};
pub use owned_tables::{DeletedRows, OwnedTables};
pub use page::{CursorPosition, Order, OrderKey, Page, PageRequest};
pub use partial_model::PartialModel;
pub use pooler::Pooler;
pub use privilege::Privilege;
pub use queue_time::QueueTime;
pub use reason::Reason;
pub use relation::{ChildOf, Concerns};
pub use row_security_check::RowSecurityProblem;
pub use rows::{Editable, OfTenant, Owned, ReadOnly, Rows, Update};
pub use scope::{Scope, Transaction};
pub use search::{MAX_MATCHES, Searched, TextIndex};
pub use shared_text::SharedText;

#[cfg(feature = "testing")]
pub use hallpass_types::step_clock;
pub use hallpass_types::{TenantId, Timestamp, UserId, now};

/// Decodes the rows of a table by the position of their columns: for its `Model`, beside `DeriveEntityModel`.
pub use hallpass_macros::{FromRow, PartialModel};

/// A search term.
pub use hallpass_text::Term;

/// Sets the value of a column of a new or changed row.
pub use sea_orm::ActiveValue::{self, Set};
/// Tables.
pub use sea_orm::{DbErr, EntityTrait};
