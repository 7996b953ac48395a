//! Wrapper of the mutation root that audits each mutation: field, rule, rows and outcome; and counts it, for its
//! idempotency key.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_container_serial;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ID, InputType, ObjectType, OutputType, Positioned,
    ServerError, ServerResult, Value,
};

use super::context::ContextExt as _;
use super::global_id::{decode_id, encode_id};
use super::idempotency::RequestKey;
use crate::access::{ALLOWED, demand_of};
use crate::code;

/// A mutation root. Each of its mutations is audited.
#[derive(Clone, Debug, Default)]
pub struct Audited<T>(T);

impl<T: ContainerType> ContainerType for Audited<T>
where
    Self: OutputType,
{
    fn is_empty() -> bool {
        T::is_empty()
    }

    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if let Some(key) = ctx.data_opt::<RequestKey>() {
            key.start_mutation();
        }
        let trail = &ctx.request_auth().trail;
        let field = ctx.item.node.name.node.as_str();
        let rule = demand_of(ctx, &Self::type_name(), field).map(|demand| demand.rule.name());
        trail.start_mutation(format!("{}.{field}", Self::type_name()), rule.unwrap_or_default());
        rows(ctx, &Self::type_name()).into_iter().for_each(|row| trail.add_row(row));
        let resolved = self.0.resolve_field(ctx).await;
        trail.finish_mutation(resolved.as_ref().err().map_or(ALLOWED, code_of));
        resolved
    }
}

/// The row IDs among the arguments: those of type `ID` and `[ID!]`. Other arguments are content, which is not audited.
fn rows(ctx: &Context<'_>, root: &str) -> Vec<String> {
    let name = ctx.item.node.name.node.as_str();
    let field = ctx.schema_env.registry.types.get(root).and_then(|root| root.field_by_name(name));
    let arguments = field.into_iter().flat_map(|field| field.args.values());
    let ids = arguments.flat_map(|argument| match argument.ty.trim_end_matches('!') {
        "ID" => argument_of::<ID>(ctx, &argument.name).into_iter().collect(),
        "[ID!]" => argument_of::<Vec<ID>>(ctx, &argument.name).unwrap_or_default(),
        _ => Vec::new(),
    });
    ids.filter_map(|id| decode_known_id(ctx, &id)).collect()
}

fn argument_of<T: InputType>(ctx: &Context<'_>, name: &str) -> Option<T> {
    ctx.param_value::<Option<T>>(name, None).ok().and_then(|(_, value)| value)
}

/// The ID in canonical form, if it is the global ID of a type in the schema.
fn decode_known_id(ctx: &Context<'_>, id: &ID) -> Option<String> {
    let (kind, key) = decode_id(id)?;
    ctx.schema_env.registry.types.contains_key(&kind).then(|| encode_id(&kind, key).0)
}

fn code_of(error: &ServerError) -> &str {
    match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code,
        _ => code::BAD_USER_INPUT,
    }
}

impl<T: ContainerType> OutputType for Audited<T> {
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
        resolve_container_serial(ctx, self).await
    }
}

impl<T: ObjectType> ObjectType for Audited<T> {}
