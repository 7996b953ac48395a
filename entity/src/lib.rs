//! What the rows are, and whose.
//!
//! Every table belongs to one policy ([`policy`]): **owned** rows have one owner and are reached only
//! through that owner's [`Scope`]; **shared** rows are everyone's once published; **system** rows are
//! the server's own, which it writes and administrators may read. The power to run a statement is locked inside this crate: a [`Scope`]
//! carries the connection and never hands it out, so a query without its owner does not compile
//! elsewhere. This crate knows no HTTP, no GraphQL and no request.
//!
//! To add a table: a file beside `task.rs`, one `mod` line here, one policy macro in the file; and where
//! rows have owners, one line in [`owned_tables`], and the policies of PostgreSQL in its migration.

mod bulkhead;
mod clock;
mod connection;
mod database;
mod error;
mod exclusive;
mod executor;
mod explain;
mod filter;
mod folded;
mod handover;
mod health;
mod id;
mod page;
pub mod policy;
mod pooler;
mod postgres;
mod privilege;
mod quota;
mod reason;
mod relation;
mod rows;
pub mod scope;
mod search;
mod sqlite;

pub mod audit;
pub mod chapter;
pub mod course;
pub mod idempotency_key;
pub mod interest;
pub mod key_set;
pub mod known_user;
pub mod learner;
pub mod level;
pub mod owned_tables;
pub(crate) mod owner_filter;
pub mod progress;
pub mod revocation;
pub(crate) mod row_security;
pub(crate) mod row_security_check;
pub mod seen_session;
pub mod task;
pub mod task_tag;
pub mod variant;

pub use bulkhead::Client;
#[cfg(feature = "testing")]
pub use clock::testing::step_clock;
pub use clock::{Timestamp, now};
pub use database::{Database, Options, Synchronous, System};
pub use error::Error;
pub use exclusive::Exclusive;
pub use executor::Executor;
pub use explain::explain;
pub use filter::{Comparison, Filter};
pub use folded::{SearchText, SortKey};
pub use handover::{HandedOver, Handover};
pub use id::{
    AuditEventId, ChapterId, CourseId, IdempotencyClaimId, KnownUserId, TaskId, TaskTagId, UserId,
    VariantId,
};
pub use page::{CursorPosition, Order, OrderKey, Page, PageRequest};
pub use pooler::Pooler;
pub use privilege::Privilege;
pub use reason::Reason;
pub use relation::{ChildOf, Concerns};
pub use row_security_check::RowSecurityProblem;
pub use rows::{Editable, Owned, ReadOnly, Rows, Update};
pub use scope::{Scope, Transaction};
pub use search::{MAX_MATCHES, Searched};

/// What is searched for.
pub use hallpass_text::Term;

/// How a column of a new or changed row is given its value.
pub use sea_orm::ActiveValue::{self, Set};
