//! Objects that can be found by their global ID: what a domain implements and registers.

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::access::Rule;
use crate::graphql::{ApiError, HasId, Id, NodeKey, Result};

/// An object that `node` can find by its global ID.
pub trait FindNode: HasId + ObjectType + Sized {
    /// The object with this key, if it exists and is visible to the caller.
    ///
    /// # Errors
    /// When the database is unavailable, or access to the object is denied.
    fn find_node(
        ctx: &Context<'_>,
        key: Self::Key,
    ) -> impl Future<Output = Result<Option<Self>>> + Send;
}

impl<T: FindNode> Id<T> {
    /// The object, if it exists and is visible to the caller.
    ///
    /// # Errors
    /// When the database is unavailable, or access to the object is denied.
    pub async fn find(&self, ctx: &Context<'_>) -> Result<Option<T>> {
        match self.key() {
            Ok(key) => T::find_node(ctx, key).await,
            Err(_) => Ok(None),
        }
    }

    /// The object.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] if it does not exist or is not visible to the caller. As [`Id::find`].
    pub async fn require(&self, ctx: &Context<'_>) -> Result<T> {
        self.find(ctx).await?.ok_or(ApiError::NotFound(T::WORD))
    }

    /// The key, for a reference to the object.
    ///
    /// # Errors
    /// As [`Id::require`].
    pub async fn required_key(&self, ctx: &Context<'_>) -> Result<T::Key> {
        self.require(ctx).await?;
        self.key()
    }
}

/// An object that `node` can find by an ID that contains a text, such as a user ID of the auth server.
pub trait FindNodeByText: ObjectType + Sized + 'static {
    /// Name of the GraphQL type.
    const TYPE: &'static str;

    /// The object with this key, if it exists and is visible to the caller.
    ///
    /// # Errors
    /// When the database or the auth server is unavailable, or access to the object is denied.
    fn find_by_text(
        ctx: &Context<'_>,
        key: &str,
    ) -> impl Future<Output = Result<Option<Self>>> + Send;
}

pub(super) type Find = for<'a> fn(&'a Context<'_>, NodeKey) -> BoxFuture<'a, Result<Option<Node>>>;

/// A type of objects with global IDs.
pub(crate) struct NodeType {
    pub(super) name: &'static str,
    /// The rule for all objects of the type, which is in the views that include it.
    pub(super) rule: Rule,
    pub(super) scope: String,
    pub(super) register: fn(&mut Registry) -> String,
    pub(super) find: Find,
}

impl NodeType {
    /// The type `T`, whose objects are visible to callers who meet `rule`. An OAuth client reads them with `scope`.
    pub(crate) fn of<T: FindNode>(rule: Rule, scope: String) -> Self {
        let find: Find = |ctx, key| {
            async move {
                let NodeKey::Uuid(key) = key else { return Ok(None) };
                Ok(T::find_node(ctx, key.into()).await?.map(|it| Node(Box::new(it))))
            }
            .boxed()
        };
        Self { name: T::TYPE, rule, scope, register: T::create_type_info, find }
    }

    /// As [`of`](Self::of), for objects with a text in their IDs.
    pub(crate) fn by_text<T: FindNodeByText>(rule: Rule, scope: String) -> Self {
        let find: Find = |ctx, key| {
            async move {
                let NodeKey::Text(key) = key else { return Ok(None) };
                Ok(T::find_by_text(ctx, &key).await?.map(|it| Node(Box::new(it))))
            }
            .boxed()
        };
        Self { name: T::TYPE, rule, scope, register: T::create_type_info, find }
    }
}

pub(super) trait Resolve: Send + Sync {
    fn resolve_object<'a>(
        &'a self,
        ctx: &'a ContextSelectionSet<'a>,
        field: &'a Positioned<Field>,
    ) -> BoxFuture<'a, ServerResult<Value>>;
}

impl<T: OutputType> Resolve for T {
    fn resolve_object<'a>(
        &'a self,
        ctx: &'a ContextSelectionSet<'a>,
        field: &'a Positioned<Field>,
    ) -> BoxFuture<'a, ServerResult<Value>> {
        self.resolve(ctx, field).boxed()
    }
}

/// An object with a global ID: one of the types that the application's domains registered.
pub struct Node(pub(super) Box<dyn Resolve>);
