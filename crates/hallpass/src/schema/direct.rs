//! Execution of valid documents.
//!
//! Before each execution, the library visits every field of the document: it computes complexity and cache hints, which
//! this server does not use, and checks what validation has checked already. It also searches all types of the schema
//! for entities of a federation, for each root field. That is a tenth of a small request. [`Direct`] resolves the root
//! container itself; what needs more of the library is executed by it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::context::QueryEnvInner;
use async_graphql::extensions::Extensions;
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::{resolve_container, resolve_container_serial};
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Data, ObjectType, OutputType, Pos, Positioned,
    QueryEnv, Request, Response, Schema, SchemaEnv, ServerResult, SubscriptionType, Value,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::BoxStream;

use super::roots::Executable;

/// What each execution needs of its schema.
struct Environment {
    schema: SchemaEnv,
    extensions: Extensions,
}

/// Where a probe leaves the environment of its schema, which only a resolver sees.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<OnceLock<Environment>>);

/// The query root of a schema. Its first field is that of the probe.
pub(super) struct Probed<T> {
    root: T,
    slot: Slot,
}

impl<T: Default> Probed<T> {
    pub(super) fn new(slot: &Slot) -> Self {
        Self { root: T::default(), slot: slot.clone() }
    }
}

impl<T: ContainerType> ContainerType for Probed<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if self.slot.0.get().is_some() {
            return self.root.resolve_field(ctx).await;
        }
        let (schema, extensions) = (ctx.schema_env.clone(), ctx.query_env.extensions.clone());
        self.slot.0.get_or_init(|| Environment { schema, extensions });
        Ok(None)
    }
}

impl<T: ContainerType> OutputType for Probed<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ObjectType for Probed<T> {}

/// A schema that resolves root containers itself.
pub(super) struct Direct<Q, M, S> {
    schema: Schema<Probed<Q>, M, S>,
    query: Q,
    mutation: M,
    slot: Slot,
}

impl<Q, M, S> Direct<Q, M, S>
where
    Q: ObjectType + Default + 'static,
    M: ObjectType + Default + 'static,
    S: SubscriptionType + 'static,
{
    /// Executes documents with `schema`, whose query root has this slot.
    pub(super) fn of(schema: Schema<Probed<Q>, M, S>, slot: Slot) -> Self {
        // No resolver runs, so that it is ready at once. If it failed, the library would execute everything.
        let _probed = schema.execute("{ probe }").now_or_never();
        Self { schema, query: Q::default(), mutation: M::default(), slot }
    }

    async fn run(&self, environment: &Environment, query: QueryEnvInner) -> Response {
        let query = QueryEnv::new(query);
        let operation = &query.operation.node;
        let root = &operation.selection_set;
        let ctx = query.create_context(&environment.schema, None, root, None);
        let resolved = match operation.ty {
            OperationType::Mutation => resolve_container_serial(&ctx, &self.mutation).await,
            _ => resolve_container(&ctx, &self.query).await,
        };
        let mut response = match resolved {
            Ok(data) => Response::new(data),
            Err(error) => Response::from_errors(vec![error]),
        };
        response.errors.append(&mut query.errors.lock().unwrap_or_else(PoisonError::into_inner));
        response
    }
}

impl Environment {
    fn query(
        &self,
        request: Request,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
    ) -> QueryEnvInner {
        QueryEnvInner {
            extensions: self.extensions.clone(),
            variables: request.variables,
            operation_name: request.operation_name,
            operation: Positioned::new(operation.clone(), Pos::default()),
            fragments: document.fragments.clone(),
            uploads: request.uploads,
            session_data: Arc::default(),
            query_data: Arc::new(request.data),
            http_headers: Mutex::default(),
            introspection_mode: request.introspection_mode,
            errors: Mutex::default(),
        }
    }
}

/// Whether the library's own root fields are not selected, as far as fragments show it.
fn is_direct(operation: &OperationDefinition) -> bool {
    let is_own = |selection: &Positioned<Selection>| match &selection.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            !name.starts_with("__") || name == "__typename"
        }
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
    };
    operation.ty != OperationType::Subscription
        && operation.selection_set.node.items.iter().all(is_own)
}

impl<Q, M, S> Executable for Direct<Q, M, S>
where
    Q: ObjectType + Default + 'static,
    M: ObjectType + Default + 'static,
    S: SubscriptionType + 'static,
{
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Executable::execute(&self.schema, request)
    }

    fn execute_valid<'a>(
        &'a self,
        request: Request,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
    ) -> BoxFuture<'a, Response> {
        match self.slot.0.get().filter(|_| is_direct(operation)) {
            Some(environment) => {
                let query = environment.query(request, document, operation);
                self.run(environment, query).boxed()
            }
            None => self.schema.execute_valid(request, document, operation),
        }
    }

    fn execute_stream(&self, request: Request, data: Arc<Data>) -> BoxStream<'static, Response> {
        Executable::execute_stream(&self.schema, request, data)
    }

    fn sdl(&self) -> String {
        Executable::sdl(&self.schema)
    }
}
