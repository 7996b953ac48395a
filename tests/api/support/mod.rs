//! Servers, callers and clients that the tests share.

pub mod app;
pub mod auth_server;
pub mod callers;
pub mod cookie_cache_builder;
pub mod issuer;
pub mod pgbouncer;
pub mod postgres;
pub mod prefix_proxy;
pub mod redis;
pub mod secret_log;
pub mod socket;
