//! Hallpass: a framework for GraphQL API servers of teams whose front end signs users in with Better Auth.
//!
//! A request passes the modules in one direction: [`http`] takes it and has it authenticated by [`identity`], once;
//! [`schema`] executes the document; a domain of the application states the rule of [`access`], and queries [`data`]
//! through the caller's scope, which adds the owner to every statement; rows come back as a page of [`graphql`].
//!
//! An application is a list of [`Domain`]s and three root types, given to [`Hallpass::builder`].
//!
//! A module imports only those listed after it; a test reads the imports. `ARCHITECTURE.md` has the purpose of each.
//!
//! - `testing`: test kit for domains.
//! - [`cli`]: the commands.
//! - [`app`]: composition root.
//! - [`http`]: the server, and every handler.
//! - [`doctor`]: checks of the setup, and of a credential.
//! - [`application`]: a server's domains and root types.
//! - [`core_schema`]: queries and mutations of the core.
//! - [`cluster`]: state shared between nodes.
//! - [`activity`]: last-seen records.
//! - [`audit`]: the audit log.
//! - [`access_report`]: the access matrix, its differences, `explain`.
//! - [`schema`]: the schema, and the views of it that callers see.
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
pub mod application;
pub mod audit;
pub mod batch_writer;
pub mod cli;
pub mod cluster;
pub mod code;
pub mod config;
pub mod core_schema;
pub mod data;
pub mod doctor;
pub mod events;
pub mod graphql;
pub mod http;
pub mod identity;
pub mod migration;
pub mod prelude;
pub mod row_security;
pub mod schema;
#[cfg(feature = "testing")]
pub mod testing;

use std::marker::PhantomData;
use std::process::ExitCode;
use std::sync::Arc;

use async_graphql::{ObjectType, SubscriptionType};

pub use application::{Application, Builder, Domain};

/// A server with the root types `Query`, `Mutation` and `Subscription`. Without one of the latter two, use
/// `async_graphql::EmptyMutation` or `async_graphql::EmptySubscription`.
pub struct Hallpass<Query, Mutation, Subscription>(
    PhantomData<fn() -> (Query, Mutation, Subscription)>,
);

impl<Query, Mutation, Subscription> Hallpass<Query, Mutation, Subscription>
where
    Query: ObjectType + Default + 'static,
    Mutation: ObjectType + Default + 'static,
    Subscription: SubscriptionType + Default + 'static,
{
    /// Builds the application.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new::<Query, Mutation, Subscription>()
    }
}

impl Application {
    /// Runs the command line of this process: serve (the default), migrate, schema, access, explain, doctor, token.
    #[must_use]
    pub fn run(self: &Arc<Self>) -> ExitCode {
        cli::main(self)
    }
}
