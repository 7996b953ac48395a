//! Wrapper of the mutation root that audits each mutation: field, rule, rows and outcome.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_container_serial;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ID, ObjectType, OutputType, Positioned,
    ServerError, ServerResult, Value,
};

use super::context::ContextExt as _;
use super::global_id::{decode_id, encode_id};
use crate::access::{ALLOWED, demand_of};
use crate::code;

/// Arguments that hold row IDs.
const ID_ARGUMENTS: [&str; 3] = ["id", "courseId", "chapterId"];

/// A mutation root. Each of its mutations is audited.
#[derive(Clone, Debug, Default)]
pub struct Audited<T>(T);

impl<T: ContainerType> ContainerType for Audited<T>
where
    Self: OutputType,
{
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        let trail = &ctx.request_auth().trail;
        let field = ctx.item.node.name.node.as_str();
        let rule = demand_of(ctx, &Self::type_name(), field).map(|demand| demand.rule.name());
        trail.start_mutation(format!("{}.{field}", Self::type_name()), rule.unwrap_or_default());
        rows(ctx).into_iter().for_each(|row| trail.add_row(row));
        let resolved = self.0.resolve_field(ctx).await;
        trail.finish_mutation(resolved.as_ref().err().map_or(ALLOWED, code_of));
        resolved
    }
}

/// The row IDs among the arguments. Other arguments are content, which is not audited.
fn rows(ctx: &Context<'_>) -> Vec<String> {
    let one = ID_ARGUMENTS
        .into_iter()
        .filter_map(|name| ctx.param_value::<Option<ID>>(name, None).ok().and_then(|(_, id)| id));
    let many = ctx.param_value::<Option<Vec<ID>>>("ids", None).ok().and_then(|(_, ids)| ids);
    one.chain(many.into_iter().flatten()).filter_map(|id| decode_known_id(ctx, &id)).collect()
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
