//! The tests of the whole server, in one binary: each speaks as somebody, over HTTP, and its name is
//! a sentence. `app` starts servers, `people` are who ask, `postgres` and `auth_server` are real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod app;
mod auth_server;
mod issuer;
mod people;
mod postgres;

mod access;
mod browser;
mod command_line;
mod contract;
mod courses;
mod doctor;
mod graphql_over_http;
mod graphql_spec;
mod identity;
mod key_sets;
mod notes;
mod scope;
mod sessions;
mod tasks;
mod tasks_paging;
