//! The schema: one line per domain. The only room that lists domains.

mod can;
mod node;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use apollo_compiler::Schema as DocumentRules;
use apollo_compiler::validation::Valid;
use async_graphql::registry::Registry;
use async_graphql::{
    MergedObject, MergedSubscription, OutputType as _, Request, SDLExportOptions,
    SubscriptionType as _, ValidationMode,
};
use hallpass_entity::Scope;

use crate::access::{RequestAuth, SchemaView};
use crate::audit::AuditQuery;
use crate::domains::analytics::AnalyticsQuery;
use crate::domains::courses;
use crate::domains::courses::{
    CourseQuery, EditingMutation, ReadingMutation, ReadingSubscription, VisibleCourses,
};
use crate::domains::learners::{LearnerMutation, LearnerQuery, ProfileOverrides};
use crate::domains::tasks;
use crate::domains::tasks::{TaskMutation, TaskQuery, TaskSubscription};
use crate::domains::users::{ErasureMutation, KnownUserQuery, UserQuery};
use crate::graphql::{Audited, NullOnError};

use can::CanQuery;
use node::NodeQuery;

/// The queries of every domain.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct Queries(
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

/// The mutations of every domain.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct Mutations(
    TaskMutation,
    LearnerMutation,
    ReadingMutation,
    EditingMutation,
    ErasureMutation,
);

/// The subscriptions of every domain.
#[derive(MergedSubscription, Default)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(TaskSubscription, ReadingSubscription);

/// The whole schema.
pub type Schema = async_graphql::Schema<
    NullOnError<Queries>,
    NullOnError<Audited<Mutations>>,
    NullOnError<Subscriptions>,
>;

/// The schema, as one kind of caller sees it.
pub struct Seen {
    /// Runs documents.
    pub schema: Schema,
    /// The types that values are checked against.
    pub types: Registry,
    /// What documents are validated against.
    pub rules: Valid<DocumentRules>,
    /// Which view it is.
    pub view: SchemaView,
}

/// The schema as each caller sees it, built when the first of a kind comes.
pub struct Schemas {
    introspection: bool,
    seen: RwLock<HashMap<SchemaView, Arc<Seen>>>,
}

impl Schemas {
    /// `introspection` says whether clients may ask for the schema.
    #[must_use]
    pub fn new(introspection: bool) -> Self {
        Self { introspection, seen: RwLock::default() }
    }

    /// What `view` shows. There are as many views as there are ways to hold the roles and permissions that
    /// rules ask for: a handful.
    #[must_use]
    pub fn seen(&self, view: SchemaView) -> Arc<Seen> {
        let known = self.seen.read().unwrap_or_else(PoisonError::into_inner).get(&view).cloned();
        known.unwrap_or_else(|| {
            let schema = view.build(|| build(self.introspection));
            let (rules, types) = (rules(&schema), view.build(types));
            let seen = Arc::new(Seen { schema, types, rules, view });
            self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(view, seen.clone());
            seen
        })
    }
}

/// Builds the schema. `introspection` says whether clients may ask for it.
#[must_use]
pub fn build(introspection: bool) -> Schema {
    let schema =
        Schema::build(NullOnError::default(), NullOnError::default(), NullOnError::default())
            // Documents are validated against `Seen::rules` before they are executed.
            .validation_mode(ValidationMode::Fast)
            // Names that a caller guessed wrong are not put right: that would list the others.
            .disable_suggestions();
    if introspection { schema.finish() } else { schema.disable_introspection().finish() }
}

/// What documents for `schema` are validated against.
fn rules(schema: &Schema) -> Valid<DocumentRules> {
    DocumentRules::parse_and_validate(sdl(schema), "schema.graphql")
        .expect("the schema that this program prints is a valid one")
}

/// The types of the schema, for code that checks values against them.
#[must_use]
pub fn types() -> Registry {
    let mut types = Registry::default();
    NullOnError::<Queries>::create_type_info(&mut types);
    NullOnError::<Audited<Mutations>>::create_type_info(&mut types);
    NullOnError::<Subscriptions>::create_type_info(&mut types);
    types.query_type = Queries::type_name().into_owned();
    types.mutation_type = Some(Mutations::type_name().into_owned());
    types.subscription_type = Some(Subscriptions::type_name().into_owned());
    types.remove_unused_types();
    types
}

/// The schema as text, in an order that does not depend on how it was built.
#[must_use]
pub fn sdl(schema: &Schema) -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by()
        .prefer_single_line_descriptions()
        .use_space_ident();
    let mut sdl = schema.sdl_with_options(options);
    sdl.truncate(sdl.trim_end().len());
    sdl.push('\n');
    sdl
}

/// Gives a request what its resolvers need of the caller: who it is, their scope, and what each
/// domain makes of both.
#[must_use]
pub fn scoped(request: Request, asking: RequestAuth, scope: Scope) -> Request {
    let catalogue = VisibleCourses::new(&asking, &scope);
    let courses = courses::loaders(&scope, &catalogue);
    let request = request.data(tasks::loader(&scope)).data(tasks::own_tasks(&scope));
    let request = request.data(ProfileOverrides::of(&scope)).data(courses).data(catalogue);
    request.data(asking).data(scope)
}
