//! Rows: scopes, pages, search, row-level security and durability.

mod connection_shares;
pub mod durability;
mod erasure;
mod filters;
mod migrations;
mod newer_version;
pub mod paging;
mod pooler;
mod quotas;
pub mod row_security;
mod scope;
mod search;
mod search_plans;
mod shared_cache;
mod statement_timeout;
