//! The integration tests of the server, in one binary. Each test calls a whole server over HTTP, as a caller.
//! `support` has servers and clients: Better Auth, PostgreSQL, Redis and PgBouncer are real.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue panics")]

mod support;

mod access;
mod application;
mod cli;
mod config;
mod contract;
mod data;
mod deploy;
mod domains;
mod graphql;
mod http;
mod identity;
mod imports;
mod isolation;
mod streaming;
mod testing_kit;
