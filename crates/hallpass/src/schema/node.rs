//! Queries `node` and `nodes`: any object by global ID (Relay). Domains register the types of objects.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaField, MetaType, MetaTypeId, Registry};
use async_graphql::{
    Context, ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value,
};

use futures_util::future::try_join_all;

use super::find_node::Node;
use super::registered::Registered;
use crate::access::{Rule::Public, guarded, is_in_view};
use crate::graphql::{
    Constrained, Constraint, ContextExt as _, ME, Result, Validator, decode_node,
};

impl OutputType for Node {
    fn type_name() -> Cow<'static, str> {
        "Node".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            let mut id = MetaField::new("id", ID::create_type_info(registry));
            id.description = Some("Global ID.".to_owned());
            let registered = Registered::current();
            let visible = registered.nodes.iter().filter(|node| is_in_view(node.rule));
            let visible: Vec<_> = visible.collect();
            for node in &visible {
                (node.register)(registry);
                registry.add_implements(node.name, &Self::type_name());
            }
            MetaType::Interface {
                name: Self::type_name().into_owned(),
                description: Some("An object with a global ID.".to_owned()),
                fields: IndexMap::from([(id.name.clone(), id)]),
                possible_types: visible.iter().map(|it| it.name.to_string()).collect(),
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

/// Maximum number of objects that one request reads by `nodes`.
const IDS: Constraint<'_> = Constraint::NONE.max_items(100);

/// Node queries.
#[derive(Default)]
pub struct NodeQuery;

#[guarded(Query)]
impl NodeQuery {
    /// Returns the object with this ID. Null if it does not exist or is not visible to the caller. An OAuth client
    /// needs the scope of the object's type.
    #[graphql(guard = "Public", scope = "{type}:read")]
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Node>> {
        find(ctx, &id).await
    }

    /// Returns the objects with these IDs, in the same order. Null for those that do not exist or are not visible to
    /// the caller. As `node`.
    #[graphql(guard = "Public", scope = "{type}:read")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(IDS))] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let mut validator = Validator::default();
        validator.count("ids", ids.len(), &IDS);
        validator.finish()?;
        try_join_all(ids.iter().map(|id| find(ctx, id))).await
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    let (kind, key) = decode_node(id);
    let is_own = || ctx.caller().is_some_and(|caller| caller.id().as_str() == id.as_str());
    if kind == ME && !is_own() {
        return Ok(None);
    }
    let nodes = &super::registered(ctx).nodes;
    let Some(node) = nodes.iter().find(|node| node.name == kind) else { return Ok(None) };
    // To a caller who can never meet the rule, the type is no node.
    if !node.rule.is_reachable(ctx.request_auth().subject()) {
        return Ok(None);
    }
    // Checked before the lookup: a denial must not disclose whether the row exists.
    node.rule.with_scope(Some(&node.scope)).check(ctx).await?;
    (node.find)(ctx, key).await
}
