//! Limits on documents and operations, checked before execution: size, depth, cost, validity, concurrency,
//! and the queue for the database.

pub(crate) mod admission;
mod block_strings;
pub(crate) mod body_bytes;
pub(crate) mod concurrency;
pub(crate) mod cost;
pub(crate) mod document_cache;
pub(crate) mod input_values;
mod leases;
pub(crate) mod persisted_queries;
pub(crate) mod rate_limit;
pub(crate) mod trusted_documents;
pub(crate) mod unexecuted;
mod unique_input_fields;
pub(crate) mod validation;
pub(crate) mod variables;
pub(crate) mod weights;
