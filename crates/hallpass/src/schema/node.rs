//! Query `node`: any object by global ID (Relay). Domains register the types of objects.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaField, MetaType, MetaTypeId, Registry};
use async_graphql::{
    Context, ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value,
};

use super::find_node::Node;
use super::registered::Registered;
use crate::access::{Rule::Public, guarded};
use crate::graphql::{Result, decode_id};

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
