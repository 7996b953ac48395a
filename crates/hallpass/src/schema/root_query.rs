//! The query root as a field: `query` of the payload of a mutation.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::roots::QueryRoot;
use crate::access::{ALLOWED, RequestAuth};

/// The queries of the application, as a field of the payload of a mutation: a client reads what changed in the same
/// request. They are resolved after the mutation has been committed, by the rules of the queries.
///
/// ```
/// use hallpass::access::guarded;
/// use hallpass::schema::RootQuery;
///
/// /// The payload of `archiveNotes`.
/// pub struct ArchiveNotesPayload;
///
/// /// The payload of `archiveNotes`.
/// #[guarded(ArchiveNotesPayload)]
/// impl ArchiveNotesPayload {
///     /// Queries, resolved after the change.
///     async fn query(&self) -> RootQuery {
///         RootQuery
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RootQuery;

type Resolve = for<'a> fn(
    &'a ContextSelectionSet<'a>,
    &'a Positioned<Field>,
) -> BoxFuture<'a, ServerResult<Value>>;

/// Resolves the query root of the schema. Data of the schema.
pub(super) struct ResolveQuery(Resolve);

impl ResolveQuery {
    /// Resolves the query root `Q`.
    pub(super) fn of<Q: ObjectType + Default + 'static>() -> Self {
        Self(|ctx, field| {
            async move { QueryRoot::<Q>::default().resolve(ctx, field).await }.boxed()
        })
    }
}

impl OutputType for RootQuery {
    fn type_name() -> Cow<'static, str> {
        "Query".into()
    }

    /// The schema registers its query root itself.
    fn create_type_info(_: &mut Registry) -> String {
        Self::qualified_type_name()
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        // The mutation is executed: a denial below is one of a query.
        ctx.data_unchecked::<RequestAuth>().trail.finish_mutation(ALLOWED);
        (ctx.data_unchecked::<ResolveQuery>().0)(ctx, field).await
    }
}
