//! Query `node`: any object by global ID (Relay). Domains register the types of objects.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaField, MetaType, MetaTypeId, Registry};
use async_graphql::{
    Context, ContextSelectionSet, ID, ObjectType, OutputType, Positioned, ServerResult, Value,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::registered::Registered;
use crate::access::{Rule::Public, guarded};
use crate::graphql::{ApiError, HasId, Id, Result, decode_id};

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

type Find = for<'a> fn(&'a Context<'_>, Uuid) -> BoxFuture<'a, Result<Option<Node>>>;

/// A type of objects with global IDs.
pub(crate) struct NodeType {
    name: &'static str,
    scope: String,
    register: fn(&mut Registry) -> String,
    find: Find,
}

impl NodeType {
    /// The type `T`, whose objects an OAuth client reads with `scope`.
    pub(crate) fn of<T: FindNode>(scope: String) -> Self {
        Self {
            name: T::TYPE,
            scope,
            register: T::create_type_info,
            find: |ctx, key| {
                async move { Ok(T::find_node(ctx, key.into()).await?.map(|it| Node(Box::new(it)))) }
                    .boxed()
            },
        }
    }
}

trait Resolve: Send + Sync {
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
pub struct Node(Box<dyn Resolve>);

impl OutputType for Node {
    fn type_name() -> Cow<'static, str> {
        "Node".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            let mut id = MetaField::new("id", ID::create_type_info(registry));
            id.description = Some("Global ID.".to_owned());
            let registered = Registered::current();
            for node in &registered.nodes {
                (node.register)(registry);
                registry.add_implements(node.name, &Self::type_name());
            }
            MetaType::Interface {
                name: Self::type_name().into_owned(),
                description: Some("An object with a global ID.".to_owned()),
                fields: IndexMap::from([(id.name.clone(), id)]),
                possible_types: registered.nodes.iter().map(|it| it.name.to_string()).collect(),
                extends: false,
                keys: None,
                visible: None,
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                directive_invocations: Vec::new(),
                requires_scopes: Vec::new(),
            }
        })
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        self.0.resolve_object(ctx, field).await
    }
}

/// Node query.
#[derive(Default)]
pub struct NodeQuery;

#[guarded(Query)]
impl NodeQuery {
    /// Returns the object with this ID. Null if it does not exist or is not visible to the caller. An OAuth client
    /// needs the scope of the object's type.
    #[graphql(guard = "Public", scope = "{type}:read")]
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        let Some((kind, key)) = decode_id(&id) else { return Ok(None) };
        let registered = super::registered(ctx);
        let Some(node) = registered.nodes.iter().find(|node| node.name == kind) else {
            return Ok(None);
        };
        // Checked before the lookup: a denial must not disclose whether the row exists.
        Public.with_scope(Some(&node.scope)).check(ctx).await?;
        (node.find)(ctx, key).await
    }
}
