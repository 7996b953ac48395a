//! Query `can`: permission checks by action and global ID. Domains register the actions.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{EnumBuilder, MetaEnumValue, MetaType, MetaTypeId, Registry};
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, ID, InputType, InputValueError, InputValueResult,
    Name, ObjectType, OutputType, Positioned, ServerResult, Value,
};

use super::registered::Registered;
use crate::access::{Rule::Public, guarded};
use crate::graphql::{ApiError, Permission, Result};

/// The name of an action: a value of the enum `Action`.
struct ActionName(String);

impl InputType for ActionName {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_input_type::<Self, _>(MetaTypeId::Enum, |_| {
            let values = Registered::current();
            let values = values.actions.iter().map(|action| {
                let mut value = MetaEnumValue::new(action.name);
                value.description = Some(action.description.to_owned());
                (action.name.to_owned(), value)
            });
            EnumBuilder::new(Self::type_name(), values.collect::<IndexMap<_, _>>())
                .description(Some("An action to check.".to_owned()))
                .rust_typename(std::any::type_name::<Self>())
                .build()
        })
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value.unwrap_or_default() {
            Value::Enum(name) => Ok(Self(name.to_string())),
            Value::String(name) => Ok(Self(name)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Enum(Name::new(&self.0))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// Permission check query. Not in the schema of an application without actions.
#[derive(Default)]
pub struct CanQuery(CanFields);

/// The field of [`CanQuery`].
#[derive(Default)]
pub struct CanFields;

#[guarded(Query)]
impl CanFields {
    /// Whether the caller may perform the action on the object with this ID, by the same rules as the action itself.
    /// Nonexistent and invisible objects have the same result. An OAuth client needs the scope of the action.
    #[graphql(guard = "Public", scope = "{action}")]
    async fn can(&self, ctx: &Context<'_>, action: ActionName, id: ID) -> Result<Permission> {
        let registered = super::registered(ctx);
        let action = registered.actions.iter().find(|it| it.name == action.0);
        // A document with another value is not valid.
        let action =
            action.ok_or_else(|| ApiError::bad_input("action", "give an action of the schema"))?;
        (action.check)(ctx, &id).await
    }
}

impl ContainerType for CanQuery {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.0.resolve_field(ctx).await
    }
}

impl OutputType for CanQuery {
    fn type_name() -> Cow<'static, str> {
        CanFields::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = CanFields::create_type_info(registry);
        if Registered::current().actions.is_empty()
            && let Some(MetaType::Object { fields, .. }) =
                registry.types.get_mut(&*Self::type_name())
        {
            // An enum needs a value.
            fields.clear();
        }
        name
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        self.0.resolve(ctx, field).await
    }
}

impl ObjectType for CanQuery {}
