//! Plain fields: resolvers that take no argument and no context. They are called directly.
//!
//! The GraphQL library allocates a future for each field of each object, as large as the largest field of the type
//! requires. For a list of rows that is most of its work. `#[guarded]` therefore generates a function that resolves the
//! plain fields of a type, and [`resolve_object`] uses the library for the others only.

use async_graphql::indexmap::IndexMap;
use async_graphql::indexmap::map::Entry;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::resolver_utils::{EnumType, enum_value, resolve_container};
use async_graphql::{
    ContainerType, ContextSelectionSet, Name, Positioned, ScalarType, ServerResult, Value,
};
use futures_util::future::{BoxFuture, try_join_all};

use super::answer_size::AnswerBudget;
use super::null_on_error::NullOnError;

/// Resolves the selected fields of an object. `plain` returns the value of a plain field that the caller may read, by
/// its name.
///
/// # Errors
/// Of a field that is not nullable, or if the response is too large.
pub async fn resolve_object<T: ContainerType>(
    ctx: &ContextSelectionSet<'_>,
    object: &NullOnError<T>,
    plain: impl Fn(&str) -> Option<Value> + Send + Sync,
) -> ServerResult<Value> {
    let mut fields = Fields { values: IndexMap::new(), others: Vec::new() };
    let budget = ctx.data_opt::<AnswerBudget>();
    // Boxed: the futures of most objects are small then.
    if !fields.add::<T>(ctx, &ctx.item.node, &plain, budget) {
        return Box::pin(resolve_container(ctx, object)).await;
    }
    if let Some(budget) = budget.filter(|budget| budget.is_exceeded()) {
        return Err(budget.error(Some(ctx.item.pos)));
    }
    let Fields { mut values, others } = fields;
    if !others.is_empty() {
        let others = others.into_iter().map(|(index, field)| -> BoxFuture<'_, ServerResult<_>> {
            Box::pin(async move {
                let field = ctx.with_field(field);
                let value = object.resolve_field(&field).await?;
                Ok((index, value.unwrap_or_default()))
            })
        });
        for (index, value) in Box::pin(try_join_all(others)).await? {
            values[index] = value;
        }
    }
    Ok(Value::Object(values))
}

/// The fields of one object.
struct Fields<'a> {
    /// By response key; null for the others.
    values: IndexMap<Name, Value>,
    /// Fields that are not plain, with their indices.
    others: Vec<(usize, &'a Positioned<Field>)>,
}

impl<'a> Fields<'a> {
    /// Adds the fields of a selection. False if the library must resolve the object: two fields have one response key,
    /// or a fragment is on an interface.
    fn add<T: ContainerType>(
        &mut self,
        ctx: &ContextSelectionSet<'a>,
        set: &'a SelectionSet,
        plain: &impl Fn(&str) -> Option<Value>,
        budget: Option<&AnswerBudget>,
    ) -> bool {
        self.values.reserve(set.items.len());
        set.items.iter().all(|selection| match &selection.node {
            Selection::Field(field) if field.node.directives.is_empty() => {
                self.add_field::<T>(field, plain, budget)
            }
            Selection::Field(_) => false,
            Selection::FragmentSpread(spread) => {
                let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let fragment = &fragment.node;
                    let of_type = &fragment.type_condition.node.on.node;
                    *of_type == *T::type_name()
                        && self.add::<T>(ctx, &fragment.selection_set.node, plain, budget)
                })
            }
            Selection::InlineFragment(fragment) => {
                let condition = &fragment.node.type_condition;
                condition.as_ref().is_none_or(|it| it.node.on.node == *T::type_name())
                    && self.add::<T>(ctx, &fragment.node.selection_set.node, plain, budget)
            }
        })
    }

    fn add_field<T: ContainerType>(
        &mut self,
        field: &'a Positioned<Field>,
        plain: &impl Fn(&str) -> Option<Value>,
        budget: Option<&AnswerBudget>,
    ) -> bool {
        let key = &field.node.response_key().node;
        let index = self.values.len();
        let Entry::Vacant(entry) = self.values.entry(key.clone()) else { return false };
        let name = field.node.name.node.as_str();
        if name == "__typename" {
            entry.insert(Value::String(T::type_name().into_owned()));
            return true;
        }
        let value = plain(name);
        match &value {
            None => self.others.push((index, field)),
            Some(value) => budget.into_iter().for_each(|budget| budget.add(key, value)),
        }
        entry.insert(value.unwrap_or_default());
        true
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
