//! Hallpass: a GraphQL API server for teams whose front end signs users in with Better Auth.
//!
//! # The way a request goes
//!
//! [`http`] takes the request and extracts the credentials → [`identity`] authenticates it, once →
//! [`schema`] runs the document → one of the [`domains`] states who may, with a rule of [`access`], and asks
//! `hallpass_entity` for rows through the caller's scope → the owner is added to every statement → rows come back
//! as a page of [`graphql`]. One direction, no way back.
//!
//! # Who may import whom
//!
//! | module | may import |
//! |---|---|
//! | [`config`] | no other module |
//! | [`identity`] | [`config`], `hallpass_entity` (user ids and the clock) |
//! | [`access`] | [`identity`] |
//! | [`access_report`] | [`access`], [`identity`] |
//! | [`events`] | `hallpass_entity` (ids) |
//! | [`graphql`] | [`access`], [`events`], [`identity`], `hallpass_entity`; of [`config`] how ownership is denied |
//! | [`domains`] | [`graphql`], [`access`], [`events`], [`identity`], `hallpass_entity`, another domain's types |
//! | [`schema`] | every domain |
//! | [`activity`] | [`identity`], `hallpass_entity` |
//! | [`cluster`] | [`events`], [`identity`], `hallpass_entity` |
//! | [`audit`] | [`access`], [`graphql`], [`identity`], `hallpass_entity`; of [`config`] how long it is kept |
//! | [`http`] | [`identity`], [`audit`], [`cluster`], [`schema`], [`config`], the views of [`access`], errors and limits of [`graphql`], `hallpass_entity` (whose share a request counts in) |
//! | [`row_security`] | `hallpass_entity` |
//! | [`doctor`] | [`config`], [`identity`], [`row_security`], `hallpass_entity` (the clock, and why a database is away) |
//! | [`app`] | everything |
//! | [`cli`] | [`app`] and what a command prints |
//! | `testing` | [`app`], [`cli`], [`identity`]: what tests of domains are written with |

// The macros of `access` name this crate from outside and from inside alike.
extern crate self as hallpass;

pub mod access;
pub mod access_report;
pub mod activity;
pub mod app;
pub mod audit;
pub mod cli;
pub mod cluster;
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
