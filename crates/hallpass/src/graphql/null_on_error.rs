//! Semantic nullability: an error sets null at its own field only, not at the parent.
//!
//! The GraphQL specification (section 6.4.4) sets null at a nullable field that failed. The library does so for a
//! resolver's inner value, but propagates the error of a guard or a resolver to the parent. [`NullOnError`] catches
//! the error at the field. It has no cost without errors.
//!
//! Each resolved field is also counted against the response size limit. Once it is exceeded, nothing more is
//! resolved, and the response is discarded.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;

use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaType, Registry};
use async_graphql::resolver_utils::resolve_container;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ObjectType, OutputType, Positioned, Response,
    ServerError, ServerResult, SubscriptionType, Value,
};
use futures_util::{Stream, StreamExt as _};
use tracing::field::Empty;
use tracing::{Instrument as _, Level, Span};

use super::answer_size::AnswerBudget;
use crate::access::prune;
use crate::code;
use crate::telemetry::{TARGET, fail};

/// An object that sets null at a nullable field that failed.
#[derive(Clone, Debug, Default)]
pub struct NullOnError<T>(pub T);

impl<T> Deref for NullOnError<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ContainerType> ContainerType for NullOnError<T> {
    fn is_empty() -> bool {
        T::is_empty()
    }

    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        let budget = ctx.data_opt::<AnswerBudget>();
        check(budget, ctx)?;
        let span = root_span(ctx);
        let resolved = match &span {
            Some(span) => Box::pin(self.0.resolve_field(ctx).instrument(span.clone())).await,
            None => self.0.resolve_field(ctx).await,
        };
        if let Err(error) = &resolved {
            // The error of a field below a root field fails the span of that.
            mark_failed(&span.unwrap_or_else(Span::current), error);
        }
        let resolved = match resolved {
            // Beyond the size limit, the error propagates: the whole response is discarded.
            Err(error) if is_nullable::<T>(ctx) && check(budget, ctx).is_ok() => {
                ctx.add_error(at_path(ctx, error));
                Ok(Some(Value::Null))
            }
            resolved => resolved,
        }?;
        if let (Some(budget), Some(value)) = (budget, &resolved) {
            budget.add(&ctx.item.node.response_key().node, value);
        }
        check(budget, ctx)?;
        Ok(resolved)
    }
}

/// The span of a root field in a trace, if it is exported.
fn root_span(ctx: &Context<'_>) -> Option<Span> {
    if !tracing::enabled!(target: TARGET, Level::TRACE) {
        return None;
    }
    let is_root = ctx.path_node.is_some_and(|path| path.parent.is_none());
    let name = ctx.item.node.name.node.as_str();
    let span = || {
        tracing::trace_span!(
            target: TARGET,
            "field",
            otel.name = name,
            otel.status_code = Empty,
            error.type = Empty,
            graphql.field.name = name,
        )
    };
    is_root.then(span)
}

fn mark_failed(span: &Span, error: &ServerError) {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    match code {
        Some(Value::String(code)) => fail(span, code),
        _ => fail(span, code::INTERNAL),
    }
}

/// Fails once the response is too large.
fn check(budget: Option<&AnswerBudget>, ctx: &Context<'_>) -> ServerResult<()> {
    match budget {
        Some(budget) if budget.is_exceeded() => Err(budget.error(Some(ctx.item.pos))),
        Some(_) | None => Ok(()),
    }
}

fn is_nullable<T: OutputType>(ctx: &Context<'_>) -> bool {
    ctx.schema_env
        .registry
        .types
        .get(T::type_name().as_ref())
        .and_then(|object| object.field_by_name(ctx.item.node.name.node.as_str()))
        .is_some_and(|field| !field.ty.ends_with('!'))
}

/// Sets the path of an error that has none to the path of this field.
fn at_path(ctx: &Context<'_>, error: ServerError) -> ServerError {
    if error.path.is_empty() { ctx.set_error_path(error) } else { error }
}

impl<T: ContainerType> OutputType for NullOnError<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let kind = T::create_type_info(registry);
        prune(registry, &Self::type_name());
        kind
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        _field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ObjectType for NullOnError<T> {}

/// A subscription has a single root field, so null on error does not apply: only hidden fields are removed. Each event
/// is a response of its own.
impl<T: SubscriptionType> SubscriptionType for NullOnError<T> {
    /// Also of a merged type without parts, which would be an object without fields.
    fn is_empty() -> bool {
        let has_no_fields = || {
            let mut types = Registry::default();
            T::create_type_info(&mut types);
            let root = types.types.get(T::type_name().as_ref());
            matches!(root, Some(MetaType::Object { fields, .. }) if fields.is_empty())
        };
        T::is_empty() || has_no_fields()
    }

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let kind = T::create_type_info(registry);
        prune(registry, &T::type_name());
        kind
    }

    fn create_field_stream<'a>(
        &'a self,
        ctx: &'a Context<'_>,
    ) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        let events = self.0.create_field_stream(ctx)?;
        let Some(budget) = ctx.data_opt::<AnswerBudget>() else { return Some(events) };
        let within = events.map(|event| {
            let is_too_large = budget.is_exceeded();
            budget.reset();
            if is_too_large { Response::from_errors(vec![budget.error(None)]) } else { event }
        });
        Some(Box::pin(within))
    }
}
