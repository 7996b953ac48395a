//! The shipped server: tasks, and personalized course content.

#[cfg(doctest)]
#[doc = include_str!("../docs/coming-from.md")]
pub mod coming_from {}
pub mod domains;

use std::sync::Arc;

use async_graphql::{MergedObject, MergedSubscription};
use hallpass::audit::AuditQuery;
use hallpass::core_schema::{ErasureMutation, KnownUserQuery, UserQuery};
use hallpass::schema::{CanQuery, NodeQuery};
use hallpass::{Application, Domain, Hallpass};

use domains::analytics::AnalyticsQuery;
use domains::courses::{
    CourseQuery, CourseSubscription, EditingMutation, ReadingMutation, ReadingSubscription,
};
use domains::events::EventSubscription;
use domains::learners::{LearnerMutation, LearnerQuery};
use domains::tasks::{TaskMutation, TaskQuery, TaskSubscription};
use domains::{courses, learners, personas, tasks};

/// Queries.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    CanQuery,
    LearnerQuery,
    TaskQuery,
    CourseQuery,
    UserQuery,
    KnownUserQuery,
    AnalyticsQuery,
    AuditQuery,
);

/// Mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    TaskMutation,
    LearnerMutation,
    ReadingMutation,
    EditingMutation,
    ErasureMutation,
);

/// Subscriptions.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    TaskSubscription,
    ReadingSubscription,
    CourseSubscription,
    EventSubscription,
);

/// What GraphiQL shows first to each persona.
const EXAMPLES: &[(&str, &str)] = &[
    ("guest", include_str!("examples/guest.graphql")),
    ("free", include_str!("examples/free.graphql")),
    ("premium", include_str!("examples/premium.graphql")),
    ("enterprise", include_str!("examples/enterprise.graphql")),
    ("editor", include_str!("examples/editor.graphql")),
    ("admin", include_str!("examples/admin.graphql")),
    ("impersonated", include_str!("examples/impersonated.graphql")),
    ("service", include_str!("examples/service.graphql")),
];

/// The shipped server.
#[must_use]
pub fn application() -> Arc<Application> {
    Hallpass::<Query, Mutation, Subscription>::builder()
        .version(env!("CARGO_PKG_VERSION"))
        .commit(option_env!("HALLPASS_COMMIT"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .tiers("free,premium,enterprise")
        .example(include_str!("example.graphql"))
        .persona_examples(EXAMPLES)
        .personas(personas::PERSONAS)
        .migrations(hallpass_server_migration::migrations)
        .domain(tasks::domain())
        .domain(courses::domain())
        .domain(learners::domain())
        .domain(Domain::users())
        .domain(Domain::audit())
        .build()
}
