//! Applications with hooks, settings and bypasses of their own.

mod bypasses;
mod routes;
mod settings;
mod tasks;
mod tenants;

use async_graphql::{EmptyMutation, EmptySubscription};
use hallpass::application::Builder;
use hallpass::{Hallpass, core_schema};

/// An application without domains.
fn builder() -> Builder {
    Hallpass::<core_schema::CoreQuery, EmptyMutation, EmptySubscription>::builder()
}
