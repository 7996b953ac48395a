//! The root types of an application, behind traits: the rest of the server does not depend on them.

use std::marker::PhantomData;
use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::registry::Registry;
use async_graphql::{
    Data, ObjectType, OutputType as _, Request, Response, SDLExportOptions, Schema,
    SubscriptionType, ValidationMode,
};
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::BoxStream;

use super::direct::{Direct, Probed, Slot};
use super::registered::Registered;
use super::root_query::ResolveQuery;
use crate::graphql::{Audited, NullOnError};

/// A schema that executes documents.
pub trait Executable: Send + Sync {
    /// Executes a query or a mutation.
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
    /// Executes an `operation` of a valid `document`, which has no directives.
    fn execute_valid<'a>(
        &'a self,
        mut request: Request,
        document: &ExecutableDocument,
        _operation: &OperationDefinition,
    ) -> BoxFuture<'a, Response> {
        request.set_parsed_query(document.clone());
        self.execute(request)
    }
    /// Executes a subscription. The executions of one subscription share `data`.
    fn execute_stream(&self, request: Request, data: Arc<Data>) -> BoxStream<'static, Response>;
    /// The schema as SDL, in a stable order.
    fn sdl(&self) -> String;
}

/// The query root: with null at a field that failed.
pub(super) type QueryRoot<Q> = NullOnError<Q>;
/// The mutation root: audited.
type MutationRoot<M> = NullOnError<Audited<M>>;
/// The subscription root.
type SubscriptionRoot<S> = NullOnError<S>;

impl<Q, M, S> Executable for Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Self::execute(self, request).boxed()
    }

    fn execute_stream(&self, request: Request, data: Arc<Data>) -> BoxStream<'static, Response> {
        Self::execute_stream_with_session_data(self, request, data).boxed()
    }

    fn sdl(&self) -> String {
        let options = SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items()
            .include_specified_by()
            .prefer_single_line_descriptions()
            .use_space_ident();
        let mut sdl = self.sdl_with_options(options);
        sdl.truncate(sdl.trim_end().len());
        sdl.push('\n');
        sdl
    }
}

/// Builds schemas of one set of root types.
pub(crate) trait Roots: Send + Sync {
    /// The schema of the current view. `introspection` enables introspection queries.
    fn build(&self, introspection: bool, registered: &Arc<Registered>) -> Box<dyn Executable>;
    /// The types of the current view.
    fn types(&self) -> Registry;
}

/// The root types `Q`, `M` and `S`.
pub(crate) struct RootTypes<Q, M, S>(Marker<Q>, Marker<M>, Marker<S>);

type Marker<T> = PhantomData<fn() -> T>;

impl<Q, M, S> Default for RootTypes<Q, M, S> {
    fn default() -> Self {
        Self(PhantomData, PhantomData, PhantomData)
    }
}

impl<Q, M, S> Roots for RootTypes<Q, M, S>
where
    Q: ObjectType + Default + 'static,
    M: ObjectType + Default + 'static,
    S: SubscriptionType + Default + 'static,
{
    fn build(&self, introspection: bool, registered: &Arc<Registered>) -> Box<dyn Executable> {
        let slot = Slot::default();
        let schema = Schema::build(
            Probed::<QueryRoot<Q>>::new(&slot),
            MutationRoot::<M>::default(),
            SubscriptionRoot::<S>::default(),
        )
        .data(Arc::clone(registered))
        .data(ResolveQuery::of::<Q>())
        // Documents are validated against `SchemaForView::rules` before they are executed.
        .validation_mode(ValidationMode::Fast)
        // Suggestions for misspelled names would disclose other names.
        .disable_suggestions();
        let schema = if introspection { schema } else { schema.disable_introspection() };
        Box::new(Direct::of(schema.finish(), slot))
    }

    fn types(&self) -> Registry {
        let mut types = Registry::default();
        QueryRoot::<Q>::create_type_info(&mut types);
        types.query_type = Q::type_name().into_owned();
        if !M::is_empty() {
            MutationRoot::<M>::create_type_info(&mut types);
            types.mutation_type = Some(M::type_name().into_owned());
        }
        if !SubscriptionRoot::<S>::is_empty() {
            SubscriptionRoot::<S>::create_type_info(&mut types);
            types.subscription_type = Some(S::type_name().into_owned());
        }
        types.remove_unused_types();
        types
    }
}
