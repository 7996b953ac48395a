//! Hallpass: a GraphQL API server for teams whose front end signs users in with Better Auth.
//!
//! A request passes the modules in one direction: [`http`] takes it and has it authenticated by `hallpass_identity`,
//! once; [`schema`] executes the document; one of the [`domains`] states the rule of [`access`], and queries
//! `hallpass_data` through the caller's scope, which adds the owner to every statement; rows come back as a page of
//! [`graphql`].
//!
//! A module imports only those listed after it; `tests/api/imports.rs` reads the imports. `ARCHITECTURE.md` has the
//! purpose of each.
//!
//! - `testing`: test kit for domains.
//! - [`cli`]: the commands.
//! - [`app`]: composition root.
//! - [`http`]: the server, and every handler.
//! - [`doctor`]: checks of the setup, and of a credential.
//! - [`schema`]: merges the domains.
//! - [`domains`]: tasks, courses, learners, users, analytics.
//! - [`cluster`]: state shared between nodes.
//! - [`activity`]: last-seen records.
//! - [`audit`]: the audit log.
//! - [`access_report`]: the access matrix, its differences, `explain`.
//! - [`graphql`]: what domains share: errors, pagination, validation.
//! - [`access`]: rules, guards, schema views.
//! - [`events`]: the event bus.
//! - [`batch_writer`]: writes rows in the background, in batches.
//! - [`row_security`]: error messages of row-level security.
//! - [`code`]: error codes of the API contract.
//! - [`config`]: the settings.

// The macros of `access` name this crate from outside and from inside alike.
extern crate self as hallpass;

pub mod access;
pub mod access_report;
pub mod activity;
pub mod app;
pub mod audit;
pub mod batch_writer;
pub mod cli;
pub mod cluster;
pub mod code;
pub mod config;
pub mod doctor;
pub mod domains;
pub mod events;
pub mod graphql;
pub mod http;
pub mod row_security;
pub mod schema;
#[cfg(feature = "testing")]
pub mod testing;
