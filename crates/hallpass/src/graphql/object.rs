//! Objects and lists of objects as JSON.
//!
//! The GraphQL library allocates a future for each field of each object, as large as the largest field of the type
//! requires, and a map of its values. For a list of rows that is most of its work. `#[guarded]` therefore generates
//! functions that write the plain fields of a type: those that take no argument and no context. Here they are called for
//! each object, and the library resolves the others.

use std::borrow::Cow;
use std::marker::PhantomData;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::{resolve_container, resolve_list};
use async_graphql::{ContextSelectionSet, ObjectType, OutputType, Positioned, ServerResult, Value};
use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::answer_size::AnswerBudget;
use super::json::{write_json, write_key, write_text};
use super::null_on_error::NullOnError;
use crate::access::RequestAuth;

/// The length of an object as JSON, before it is known.
const ASSUMED_BYTES: usize = 192;

/// An object that lists contain. `#[guarded]` implements it with the plain fields of the type; other types implement it
/// without functions: `impl GuardedObject for Note {}`.
#[diagnostic::on_unimplemented(
    note = "a list contains types with `#[guarded]`; for another type write `impl GuardedObject for {Self} {{}}`"
)]
pub trait GuardedObject: ObjectType {
    /// The number of a plain field, by its name in the schema. Default: no field is plain.
    #[must_use]
    fn plain_field(_name: &str) -> Option<usize> {
        None
    }

    /// The columns of the row that a plain field reads: the row is the field `row` of the type, a
    /// [`PartialModel`](hallpass_data::PartialModel). None if they are not known.
    #[must_use]
    fn plain_columns(_field: usize) -> Option<&'static [&'static str]> {
        None
    }

    /// Writes the value of a plain field, which has this number, as JSON. False if the caller may not read it: nothing is
    /// written.
    fn write_plain(&self, _field: usize, _auth: Option<&RequestAuth>, _json: &mut Vec<u8>) -> bool {
        false
    }
}

impl<T: ObjectType> GuardedObject for NullOnError<T> {}

impl<T: GuardedObject> GuardedObject for &T {
    fn plain_field(name: &str) -> Option<usize> {
        T::plain_field(name)
    }

    fn plain_columns(field: usize) -> Option<&'static [&'static str]> {
        T::plain_columns(field)
    }

    fn write_plain(&self, field: usize, auth: Option<&RequestAuth>, json: &mut Vec<u8>) -> bool {
        T::write_plain(self, field, auth, json)
    }
}

/// Resolves the selected fields of an object. The result is the object as JSON, in a binary value: no scalar of this
/// server is binary. If a fragment is on an interface, it is the library's object.
///
/// # Errors
/// Of a field that is not nullable, or if the response is too large.
pub async fn resolve_object<T: GuardedObject>(
    ctx: &ContextSelectionSet<'_>,
    object: &T,
) -> ServerResult<Value> {
    let Some((budget, selected)) = selected::<T>(ctx) else {
        // Boxed: the futures of most objects are small then.
        return Box::pin(resolve_container(ctx, object)).await;
    };
    let auth = ctx.data_opt::<RequestAuth>();
    let mut json = Vec::with_capacity(ASSUMED_BYTES);
    let others = selected.write(object, auth, &mut json);
    count(ctx, budget, json.len())?;
    if others.is_empty() {
        return Ok(Value::Binary(json.into()));
    }
    let others = others.into_iter().map(|(at, field)| -> Resolving<'_> {
        Box::pin(async move {
            let value = object.resolve_field(&ctx.with_field(field)).await?;
            Ok((at, value.unwrap_or_default()))
        })
    });
    let values = resolve_others(others).await?;
    Ok(Value::Binary(with_others(&json, &values).into()))
}

/// A list of objects, each resolved as by [`resolve_object`]. In the schema their type is `Of`: the library rejects two
/// types of one name.
pub(super) struct Objects<T, Of = T>(Vec<T>, PhantomData<fn() -> Of>);

impl<T, Of> FromIterator<T> for Objects<T, Of> {
    fn from_iter<I: IntoIterator<Item = T>>(objects: I) -> Self {
        Self(objects.into_iter().collect(), PhantomData)
    }
}

impl<T: GuardedObject, Of: GuardedObject> OutputType for Objects<T, Of> {
    fn type_name() -> Cow<'static, str> {
        Vec::<Of>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<Of>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<Of>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        resolve_objects(ctx, field, &self.0).await
    }
}

async fn resolve_objects<T: GuardedObject>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    objects: &[T],
) -> ServerResult<Value> {
    let Some((budget, selected)) = selected::<T>(ctx) else {
        return Box::pin(resolve_list(ctx, field, objects, Some(objects.len()))).await;
    };
    let auth = ctx.data_opt::<RequestAuth>();
    let mut json = Vec::with_capacity(objects.len() * ASSUMED_BYTES + 2);
    let mut others = Vec::new();
    json.push(b'[');
    for (index, object) in objects.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let of_object = selected.write(object, auth, &mut json);
        others.extend(of_object.into_iter().map(|other| (index, object, other)));
        // Before the whole list is in memory.
        if budget.is_exceeded_with(json.len()) {
            count(ctx, budget, json.len())?;
        }
    }
    json.push(b']');
    count(ctx, budget, json.len())?;
    if others.is_empty() {
        return Ok(Value::Binary(json.into()));
    }
    let others = others.into_iter().map(|(index, object, (at, field))| -> Resolving<'_> {
        Box::pin(async move {
            let ctx = ctx.with_index(index);
            match object.resolve_field(&ctx.with_field(field)).await {
                Ok(value) => Ok((at, value.unwrap_or_default())),
                // The path of a field below is longer.
                Err(error) if error.path.is_empty() => Err(ctx.set_error_path(error)),
                Err(error) => Err(error),
            }
        })
    });
    let values = resolve_others(others).await?;
    Ok(Value::Binary(with_others(&json, &values).into()))
}

/// Counts the bytes of the plain fields.
fn count(ctx: &ContextSelectionSet<'_>, budget: &AnswerBudget, bytes: usize) -> ServerResult<()> {
    budget.add_bytes(bytes);
    match budget.is_exceeded() {
        true => Err(budget.error(Some(ctx.item.pos))),
        false => Ok(()),
    }
}

/// A field that is not plain, with the position of its value.
type Other<'a> = (usize, &'a Positioned<Field>);

/// A field that is not plain, while it is resolved.
type Resolving<'a> = BoxFuture<'a, ServerResult<(usize, Value)>>;

/// The values of the fields that are not plain, in the order of their positions. Each field is polled when it was woken,
/// not whenever another one was.
async fn resolve_others(
    others: impl Iterator<Item = impl Future<Output = ServerResult<(usize, Value)>>>,
) -> ServerResult<Vec<(usize, Value)>> {
    let mut values: Vec<_> =
        Box::pin(others.collect::<FuturesUnordered<_>>().try_collect()).await?;
    values.sort_unstable_by_key(|(at, _)| *at);
    Ok(values)
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

/// The fields that are selected of an object of this type: the same for each object of a list.
struct Selected<'a> {
    type_name: String,
    fields: Vec<SelectedField<'a>>,
}

struct SelectedField<'a> {
    key: &'a str,
    field: &'a Positioned<Field>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// `__typename`.
    TypeName,
    /// The plain field of this number.
    Plain(usize),
    /// Resolved by the library.
    Other,
}

/// The selected fields. None if the library must resolve the object: a fragment is on an interface.
fn selected<'a, T: GuardedObject>(
    ctx: &ContextSelectionSet<'a>,
) -> Option<(&'a AnswerBudget, Selected<'a>)> {
    let budget = ctx.data_opt::<AnswerBudget>()?;
    let set = &ctx.item.node;
    let fields = Vec::with_capacity(set.items.len());
    let mut selected = Selected { type_name: T::type_name().into_owned(), fields };
    selected.add::<T>(ctx, set).then_some((budget, selected))
}

impl<'a> Selected<'a> {
    /// Adds the fields of a selection. False if a fragment is on an interface.
    fn add<T: GuardedObject>(
        &mut self,
        ctx: &ContextSelectionSet<'a>,
        set: &'a SelectionSet,
    ) -> bool {
        set.items.iter().all(|selection| match &selection.node {
            // Each response key occurs once, and there are no directives: see `collect_fields`.
            Selection::Field(field) => {
                self.add_field::<T>(field);
                true
            }
            Selection::FragmentSpread(spread) => {
                let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node);
                fragment.is_some_and(|fragment| {
                    let fragment = &fragment.node;
                    *fragment.type_condition.node.on.node == self.type_name
                        && self.add::<T>(ctx, &fragment.selection_set.node)
                })
            }
            Selection::InlineFragment(fragment) => {
                let condition = &fragment.node.type_condition;
                condition.as_ref().is_none_or(|it| it.node.on.node == self.type_name)
                    && self.add::<T>(ctx, &fragment.node.selection_set.node)
            }
        })
    }

    fn add_field<T: GuardedObject>(&mut self, field: &'a Positioned<Field>) {
        let key = field.node.response_key().node.as_str();
        let kind = match field.node.name.node.as_str() {
            "__typename" => Kind::TypeName,
            name => T::plain_field(name).map_or(Kind::Other, Kind::Plain),
        };
        self.fields.push(SelectedField { key, field, kind });
    }

    /// Writes an object, without the values of the fields that it returns.
    fn write<T: GuardedObject>(
        &self,
        object: &T,
        auth: Option<&RequestAuth>,
        json: &mut Vec<u8>,
    ) -> Vec<Other<'a>> {
        let mut others = Vec::new();
        json.push(b'{');
        for (index, SelectedField { key, field, kind }) in self.fields.iter().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            write_key(key, json);
            let is_written = match kind {
                Kind::TypeName => {
                    write_text(&self.type_name, json);
                    true
                }
                Kind::Plain(number) => object.write_plain(*number, auth, json),
                Kind::Other => false,
            };
            if !is_written {
                others.push((json.len(), *field));
            }
        }
        json.push(b'}');
        others
    }
}
