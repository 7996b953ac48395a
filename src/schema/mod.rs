//! The schema: merges the roots of all domains, and builds the view of it that each kind of caller sees.

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
use hallpass_data::Scope;

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

/// Queries of all domains.
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

/// Mutations of all domains.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct Mutations(
    TaskMutation,
    LearnerMutation,
    ReadingMutation,
    EditingMutation,
    ErasureMutation,
);

/// Subscriptions of all domains.
#[derive(MergedSubscription, Default)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(TaskSubscription, ReadingSubscription);

/// The executable schema.
pub type Schema = async_graphql::Schema<
    NullOnError<Queries>,
    NullOnError<Audited<Mutations>>,
    NullOnError<Subscriptions>,
>;

/// The schema as one kind of caller sees it.
pub struct SchemaForView {
    /// Executes documents.
    pub schema: Schema,
    /// Types for checking input values.
    pub types: Registry,
    /// Schema for validating documents.
    pub rules: Valid<DocumentRules>,
    /// The view.
    pub view: SchemaView,
}

/// Cache of schema views, each built on first use.
pub struct Schemas {
    introspection: bool,
    views: RwLock<HashMap<SchemaView, Arc<SchemaForView>>>,
}

impl Schemas {
    /// Creates an empty cache. `introspection` enables introspection queries.
    #[must_use]
    pub fn new(introspection: bool) -> Self {
        Self { introspection, views: RwLock::default() }
    }

    /// The schema of `view`. There are few views: one per combination of the roles and permissions that rules require.
    #[must_use]
    pub fn for_view(&self, view: SchemaView) -> Arc<SchemaForView> {
        let known = self.views.read().unwrap_or_else(PoisonError::into_inner).get(&view).cloned();
        known.unwrap_or_else(|| {
            let schema = view.build(|| build(self.introspection));
            let (rules, types) = (document_rules(&schema), view.build(types));
            let built = Arc::new(SchemaForView { schema, types, rules, view });
            self.views.write().unwrap_or_else(PoisonError::into_inner).insert(view, built.clone());
            built
        })
    }
}

/// Builds the schema of the current view. `introspection` enables introspection queries.
#[must_use]
pub fn build(introspection: bool) -> Schema {
    let schema =
        Schema::build(NullOnError::default(), NullOnError::default(), NullOnError::default())
            // Documents are validated against `SchemaForView::rules` before they are executed.
            .validation_mode(ValidationMode::Fast)
            // Suggestions for misspelled names would disclose other names.
            .disable_suggestions();
    if introspection { schema.finish() } else { schema.disable_introspection().finish() }
}

/// The schema for validating documents against `schema`.
fn document_rules(schema: &Schema) -> Valid<DocumentRules> {
    DocumentRules::parse_and_validate(sdl(schema), "schema.graphql")
        .expect("the exported SDL is valid")
}

/// The types of the schema, for checking input values.
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

/// The schema as SDL, in a stable order.
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

/// Adds the per-caller data of resolvers to a request: authentication, scope, and the batch loaders of each domain.
#[must_use]
pub fn scoped(request: Request, auth: RequestAuth, scope: Scope) -> Request {
    let visible_courses = VisibleCourses::new(&auth, &scope);
    let courses = courses::Loaders::new(&scope, &visible_courses);
    let request = request.data(tasks::TaskLoaders::new(&scope)).data(courses);
    let request = request.data(ProfileOverrides::of(&scope)).data(visible_courses);
    request.data(auth).data(scope)
}
