//! Sizes of futures. A future is moved when it is boxed, and that of a type's fields is as large as the largest one: a
//! large one would cost each of its siblings, in each row.

use std::net::{IpAddr, Ipv4Addr};

use async_graphql::parser::types::Field;
use async_graphql::{ContainerType, Context, ContextSelectionSet, OutputType, Positioned};
use axum::http::{HeaderMap, Method};
use hallpass::app::build_authenticator;
use hallpass_server::domains::courses::Chapter;
use hallpass_server::domains::learners::Me;
use hallpass_server::domains::tasks::Task;
use hallpass_server::{Mutation, Query};

use crate::support::app::config;

const MAX_FIELD_BYTES: usize = 1024;
const MAX_OBJECT_BYTES: usize = 512;
const MAX_AUTHENTICATION_BYTES: usize = 2048;

/// The size of the future that resolves a field of `T`.
fn field_size<T: ContainerType + 'static>() -> usize {
    fn size<A, B, F: Future>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }
    size(|object: &'static T, ctx: &'static Context<'static>| object.resolve_field(ctx))
}

/// The size of the future that resolves an object.
fn object_size<T: OutputType + 'static>() -> usize {
    fn size<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }
    type Selection = ContextSelectionSet<'static>;
    size(|object: &'static T, ctx: &'static Selection, field: &'static Positioned<Field>| {
        object.resolve(ctx, field)
    })
}

#[test]
fn futures_of_fields_are_small() {
    for (object, size) in [
        ("Query", field_size::<Query>()),
        ("Mutation", field_size::<Mutation>()),
        ("Task", field_size::<Task>()),
        ("Me", field_size::<Me>()),
        ("Chapter", field_size::<Chapter>()),
    ] {
        assert!(size <= MAX_FIELD_BYTES, "a field of {object}: {size} bytes");
    }
    for (object, size) in [
        ("Task", object_size::<Task>()),
        ("Me", object_size::<Me>()),
        ("Chapter", object_size::<Chapter>()),
    ] {
        assert!(size <= MAX_OBJECT_BYTES, "{object}: {size} bytes");
    }
}

#[test]
fn future_of_authentication_is_small() {
    let flags = ["--jwt-secret", "0123456789abcdef0123456789abcdef"];
    let authenticator = build_authenticator(&config(&flags)).unwrap();
    let (method, headers) = (Method::POST, HeaderMap::new());
    let future = authenticator.authenticate(&method, &headers, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let size = size_of_val(&future);
    assert!(size <= MAX_AUTHENTICATION_BYTES, "{size} bytes");
}
