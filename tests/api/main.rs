//! The tests of the whole server, in one binary: each speaks as somebody, over HTTP, and its name is
//! a sentence. `app` starts servers, `people` are who ask, `postgres` and `auth_server` are real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod app;
mod auth_server;
mod forge;
mod freshness;
mod issuer;
mod people;
mod postgres;
mod redis;
mod socket;

mod access;
mod access_tokens;
mod analytics;
mod api_keys;
mod attendance;
mod audit;
mod browser;
mod bypass;
mod command_line;
mod contract;
mod cookie_cache;
mod cookie_cache_forged;
mod cookies;
mod course_drafts;
mod course_editing;
mod courses;
mod discovery;
mod doctor;
mod durability;
mod erasure;
mod events;
mod graphql_over_http;
mod graphql_spec;
mod guards;
mod identity;
mod key_changes;
mod key_sets;
mod kinds;
mod kit;
mod known_users;
mod leaks;
mod learners;
mod live;
mod live_callers;
mod live_events;
mod log;
mod machines;
mod may;
mod metrics;
mod notes;
mod oauth;
mod progress;
mod resilience;
mod revocation_push;
mod revocations;
mod row_security;
mod rules;
mod scope;
mod session_answers;
mod sessions;
mod tasks;
mod tasks_paging;
mod users;
