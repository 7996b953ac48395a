//! Plain fields: resolvers that take no argument and no context. They are called directly.
//!
//! The GraphQL library allocates a future for each field of each object, as large as the largest field of the type
//! requires, and a map of its values. For a list of rows that is most of its work. `#[guarded]` therefore generates a
//! function that resolves the plain fields of a type. [`resolve_object`] writes them as JSON, and uses the library for
//! the others.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::resolver_utils::{EnumType, enum_value, resolve_container};
use async_graphql::{
    ContainerType, ContextSelectionSet, Name, Positioned, ScalarType, ServerResult, Value,
};
use futures_util::future::{BoxFuture, try_join_all};

use super::answer_size::AnswerBudget;
use super::json::{write_json, write_key};
use super::null_on_error::NullOnError;
use super::response_keys::ResponseKeys;

/// The length of an object as JSON, before it is known.
const ASSUMED_BYTES: usize = 128;

/// Resolves the selected fields of an object. `plain` returns the value of a plain field that the caller may read, by
/// its name. The result is the object as JSON, in a binary value: no scalar of this server is binary. If fields of the
/// document must be merged, it is the library's object.
///
/// # Errors
/// Of a field that is not nullable, or if the response is too large.
pub async fn resolve_object<T: ContainerType>(
    ctx: &ContextSelectionSet<'_>,
    object: &NullOnError<T>,
    plain: impl Fn(&str) -> Option<Value> + Send + Sync,
) -> ServerResult<Value> {
    let budget = ctx.data_opt::<AnswerBudget>();
    let Some(budget) = budget.filter(|it| it.keys() != ResponseKeys::RepeatedObjects) else {
        // Boxed: the futures of most objects are small then.
        return Box::pin(resolve_container(ctx, object)).await;
    };
    let may_repeat = budget.keys() == ResponseKeys::RepeatedLeaves;
    let mut fields = Fields::new(may_repeat);
    if !fields.add::<T>(ctx, &ctx.item.node, &plain) {
        return Box::pin(resolve_container(ctx, object)).await;
    }
    fields.json.push(b'}');
    budget.add_bytes(fields.json.len());
    if budget.is_exceeded() {
        return Err(budget.error(Some(ctx.item.pos)));
    }
    let Fields { json, others, .. } = fields;
    if others.is_empty() {
        return Ok(Value::Binary(json.into()));
    }
    let others = others.into_iter().map(|(at, field)| -> BoxFuture<'_, ServerResult<_>> {
        Box::pin(async move {
            let field = ctx.with_field(field);
            let value = object.resolve_field(&field).await?;
            Ok((at, value.unwrap_or_default()))
        })
    });
    let others = Box::pin(try_join_all(others)).await?;
    Ok(Value::Binary(with_others(&json, &others).into()))
}

/// `json`, with the values of other fields at their positions.
fn with_others(json: &[u8], others: &[(usize, Value)]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(json.len() + others.len() * ASSUMED_BYTES);
    let mut from = 0;
    for (at, value) in others {
        whole.extend_from_slice(&json[from..*at]);
        write_json(value, &mut whole);
        from = *at;
    }
    whole.extend_from_slice(&json[from..]);
    whole
}

/// The fields of one object.
struct Fields<'a> {
    /// The object up to the last field, without the values of the others.
    json: Vec<u8>,
    /// Fields that are not plain, with the positions of their values.
    others: Vec<(usize, &'a Positioned<Field>)>,
    /// The response keys so far, if they may be repeated.
    keys: Option<Vec<&'a Name>>,
}

impl<'a> Fields<'a> {
    fn new(may_repeat: bool) -> Self {
        let mut json = Vec::with_capacity(ASSUMED_BYTES);
        json.push(b'{');
        Self { json, others: Vec::new(), keys: may_repeat.then(Vec::new) }
    }

    /// Adds the fields of a selection. False if the library must resolve the object: a fragment is on an interface.
    fn add<T: ContainerType>(
        &mut self,
        ctx: &ContextSelectionSet<'a>,
        set: &'a SelectionSet,
        plain: &impl Fn(&str) -> Option<Value>,
    ) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            // Only `@skip` and `@include` are defined, and what they omit is no longer in the document.
            Selection::Field(field) => {
                self.add_field::<T>(field, plain);
                true
            }
            Selection::FragmentSpread(spread) => {
                let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let fragment = &fragment.node;
                    let of_type = &fragment.type_condition.node.on.node;
                    *of_type == *T::type_name()
                        && self.add::<T>(ctx, &fragment.selection_set.node, plain)
                })
            }
            Selection::InlineFragment(fragment) => {
                let condition = &fragment.node.type_condition;
                condition.as_ref().is_none_or(|it| it.node.on.node == *T::type_name())
                    && self.add::<T>(ctx, &fragment.node.selection_set.node, plain)
            }
        })
    }

    fn add_field<T: ContainerType>(
        &mut self,
        field: &'a Positioned<Field>,
        plain: &impl Fn(&str) -> Option<Value>,
    ) {
        let key = &field.node.response_key().node;
        if let Some(keys) = &mut self.keys {
            if keys.contains(&key) {
                return;
            }
            keys.push(key);
        }
        if self.json.len() > 1 {
            self.json.push(b',');
        }
        write_key(key, &mut self.json);
        let name = field.node.name.node.as_str();
        let value = match name {
            "__typename" => Some(Value::String(T::type_name().into_owned())),
            _ => plain(name),
        };
        match value {
            Some(value) => write_json(&value, &mut self.json),
            None => self.others.push((self.json.len(), field)),
        }
    }
}

/// A value of a plain field, or none, which is null. Used by `#[guarded]`: it calls the method of the first trait below
/// that applies to the type.
pub struct PlainValue<'a, T>(pub Option<&'a T>);

/// Scalars.
pub trait PlainScalar {
    /// The value.
    fn plain(&self) -> Option<Value>;
}

impl<T: ScalarType> PlainScalar for &&PlainValue<'_, T> {
    fn plain(&self) -> Option<Value> {
        Some(self.0.map_or(Value::Null, T::to_value))
    }
}

/// Enums.
pub trait PlainEnum {
    /// The value.
    fn plain(&self) -> Option<Value>;
}

impl<T: EnumType> PlainEnum for &PlainValue<'_, T> {
    fn plain(&self) -> Option<Value> {
        Some(self.0.map_or(Value::Null, |value| enum_value(*value)))
    }
}

/// Other types: their fields are not plain.
pub trait NotPlain {
    /// None.
    fn plain(&self) -> Option<Value>;
}

impl<T> NotPlain for PlainValue<'_, T> {
    fn plain(&self) -> Option<Value> {
        None
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Enum;

    use super::*;
    use crate::graphql::DateTime;

    #[derive(Clone, Copy, Enum, PartialEq, Eq)]
    enum Color {
        Red,
    }

    struct Other;

    /// As `#[guarded]` calls it: the first trait that applies is that of scalars.
    macro_rules! plain {
        ($value:expr) => {{
            let value = &&PlainValue($value);
            (&value).plain()
        }};
    }

    #[test]
    fn scalars_and_enums_are_plain() {
        let now = DateTime(hallpass_data::now());
        assert_eq!(plain!(Some(&7_i32)), Some(Value::from(7)));
        assert_eq!(plain!(Some(&now)), Some(now.to_value()));
        assert_eq!(plain!(Some(&Color::Red)), Some(Value::Enum(Name::new("RED"))));
        assert_eq!(plain!(None::<&bool>), Some(Value::Null));
        assert_eq!(plain!(Some(&Other)), None);
    }
}
