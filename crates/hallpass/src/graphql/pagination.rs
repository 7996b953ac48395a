//! Pagination: Relay connections over keyset cursors.

use std::sync::Arc;

use async_graphql::Enum;
use async_graphql::connection::CursorType;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use hallpass_data::{
    CursorPosition, MAX_MATCHES, Order, OrderKey, Page as FoundPage, PageRequest, PartialModel,
    Rows, Timestamp,
};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::connection::{Connection, Edge};
use super::constraint::Constraint;
use super::date_time::text_of;
use super::error::Result;
use super::object::GuardedObject;
use super::selected_columns::SelectedColumns;
use super::validation::Validator;

/// Default page size.
const DEFAULT_PAGE_SIZE: i32 = 20;
/// Maximum page size.
const MAX_PAGE_SIZE: i32 = 100;
/// Constraint of the argument `first`.
pub const FIRST: Constraint<'_> = Constraint::number(0, MAX_PAGE_SIZE);
/// Constraint of the argument `last`.
pub const LAST: Constraint<'_> = FIRST.excludes("first");

/// Sort direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(name = "OrderDirection")]
pub enum Direction {
    /// Ascending: smallest, oldest, A first.
    #[default]
    Asc,
    /// Descending: largest, newest, Z first.
    Desc,
}

/// Pagination arguments, not validated. A parameter `page: Page` of a `#[guarded]` field becomes the arguments `first`,
/// `after`, `last` and `before`.
#[derive(Clone, Debug, Default)]
pub struct Page {
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
}

/// A sort order with a name. Cursors contain the name, so that a cursor of one order is invalid in another.
pub struct NamedOrder<E: hallpass_data::policy::Scoped> {
    /// Name of the order.
    pub name: String,
    /// Sort order.
    pub order: Order<E>,
}

impl<E: hallpass_data::policy::Scoped> NamedOrder<E> {
    /// The order by one column, descending or not.
    pub fn by(name: &str, column: E::Column, is_descending: bool) -> Self {
        Self { name: name.to_owned(), order: Order::by(column, is_descending) }
    }
}

impl Page {
    /// Creates the arguments `first`, `after`, `last` and `before`.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Self {
        Self { first, after, last, before }
    }

    fn page_request<E: hallpass_data::policy::Scoped>(
        &self,
        order: &NamedOrder<E>,
    ) -> Result<PageRequest> {
        let mut validator = Validator::default();
        if self.last.is_some() {
            validator.exclusive("last", &LAST, |_| self.first.is_some());
        }
        for (path, count, constraint) in [("first", self.first, FIRST), ("last", self.last, LAST)] {
            if let Some(count) = count {
                validator.number(path, count, &constraint);
            }
        }
        let mut position = |path, cursor: &Option<String>| {
            let text = cursor.as_deref()?;
            let position =
                Cursor::decode(text, &order.name).filter(|p| order.order.matches_order(&p.key));
            if position.is_none() {
                validator.add_error(path, "use a cursor that this list returned in this order");
            }
            position
        };
        let (after, before) = (position("after", &self.after), position("before", &self.before));
        validator.finish()?;
        let limit = self.first.or(self.last).unwrap_or(DEFAULT_PAGE_SIZE);
        let from_end = self.last.is_some();
        Ok(PageRequest { after, before, limit: u64::try_from(limit).unwrap_or_default(), from_end })
    }
}

/// One page of `rows`. `node` converts each row to a node.
///
/// ```
/// use async_graphql::Context;
/// use hallpass::data::policy::{Listed, OwnedEntity};
/// use hallpass::graphql::GuardedObject;
/// use hallpass::prelude::*;
///
/// async fn newest<E: OwnedEntity + Listed, Node: GuardedObject>(
///     ctx: &Context<'_>,
///     page: Page,
///     created_at: E::Column,
///     node: fn(E::Model) -> Node,
/// ) -> Result<Connection<Node>> {
///     let newest = NamedOrder::by("newest", created_at, true);
///     paginate(ctx.scope().owned::<E>()?, &newest, &page, node).await
/// }
/// ```
///
/// # Errors
/// When the arguments are invalid, or the database is unavailable.
pub async fn paginate<E, P, N>(
    rows: Rows<E, P>,
    order: &NamedOrder<E>,
    page: &Page,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_data::policy::Listed,
    P: 'static,
    N: GuardedObject,
{
    let rows = Arc::new(rows);
    let total = TotalCount::of(Arc::clone(&rows), None);
    page_of(&rows, total, order, page, node).await
}

/// As [`paginate`], for lists of the rows of all users, which have no quota: `totalCount` is limited to
/// [`MAX_MATCHES`].
///
/// # Errors
/// As [`paginate`].
pub async fn paginate_open<E, P, N>(
    rows: Rows<E, P>,
    order: &NamedOrder<E>,
    page: &Page,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_data::policy::Listed,
    P: 'static,
    N: GuardedObject,
{
    let rows = Arc::new(rows);
    let total = TotalCount::of(Arc::clone(&rows), Some(MAX_MATCHES));
    page_of(&rows, total, order, page, node).await
}

/// How far a list is counted for its `totalCount`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// To its end: its owner has a quota.
    Whole,
    /// To [`MAX_MATCHES`]: it has the rows of all users.
    Limited,
}

/// As [`paginate`], for nodes of a [`PartialModel`]: only these columns are read, and those of the order.
///
/// # Errors
/// As [`paginate`], and of `node`.
pub async fn paginate_partial<E, P, M, N>(
    rows: Rows<E, P>,
    order: &NamedOrder<E>,
    page: &Page,
    counted: Counted,
    columns: &SelectedColumns<M>,
    node: impl Fn(M) -> Result<N>,
) -> Result<Connection<N>>
where
    E: hallpass_data::policy::Listed,
    P: 'static,
    M: PartialModel<Entity = E> + Clone + 'static,
    N: GuardedObject,
{
    let (rows, request) = (Arc::new(rows), page.page_request(order)?);
    let found = rows.partial_page(&order.order, &request, columns.columns()).await?;
    let limit = (counted == Counted::Limited).then_some(MAX_MATCHES);
    connection(found, TotalCount::of(rows, limit), order, node)
}

async fn page_of<E, P, N>(
    rows: &Rows<E, P>,
    total: TotalCount,
    order: &NamedOrder<E>,
    page: &Page,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_data::policy::Listed,
    N: GuardedObject,
{
    let found = rows.page(&order.order, &page.page_request(order)?).await?;
    connection(found, total, order, |row| Ok(node(row)))
}

fn connection<E: hallpass_data::policy::Scoped, M, N: GuardedObject>(
    found: FoundPage<M>,
    total: TotalCount,
    order: &NamedOrder<E>,
    node: impl Fn(M) -> Result<N>,
) -> Result<Connection<N>> {
    let positions = Positions { at: found.positions, order: order.name.as_str().into() };
    let nodes = found.rows.into_iter().map(node).collect::<Result<_>>()?;
    Ok(Connection::new(nodes, positions, found.has_previous, found.has_next, total))
}

/// The edge of one row in a list of this order: for the payload of a mutation, so that a client adds the row to the
/// list.
///
/// # Errors
/// If the order is by a column that lists are not sorted by, or that was not read.
pub fn edge<E, N>(
    order: &NamedOrder<E>,
    row: &impl PartialModel<Entity = E>,
    node: N,
) -> Result<Edge<N>>
where
    E: hallpass_data::policy::Scoped,
    N: GuardedObject,
{
    let at = order.order.position_in(row)?;
    Ok(Edge::new(Position { at, order: order.name.as_str().into() }, node))
}

/// The position of a row in a list. It is encoded as a cursor only if the cursor is requested.
#[derive(Clone, Debug)]
pub struct Position {
    at: CursorPosition,
    /// Name of the order.
    order: Arc<str>,
}

/// The positions of the rows of a page.
pub(super) struct Positions {
    at: Vec<CursorPosition>,
    /// Name of the order.
    order: Arc<str>,
}

impl Positions {
    /// The position of the row at this index of the page.
    pub(super) fn get(&self, index: usize) -> Option<Position> {
        let at = self.at.get(index)?.clone();
        Some(Position { at, order: Arc::clone(&self.order) })
    }
}

impl CursorType for Position {
    type Error = &'static str;

    /// A cursor is decoded by the list that it belongs to: see [`Page`].
    fn decode_cursor(_: &str) -> std::result::Result<Self, Self::Error> {
        Err("a cursor is decoded with the order of its list")
    }

    fn encode_cursor(&self) -> String {
        Cursor::encode(self.at.clone(), &self.order)
    }
}

/// Content of a cursor. It grants no access: every page is read through the scope of the caller.
#[derive(Serialize, Deserialize)]
struct Cursor {
    o: String,
    k: CursorValue,
    i: Uuid,
}

#[derive(Serialize, Deserialize)]
enum CursorValue {
    #[serde(rename = "s")]
    Text(String),
    #[serde(rename = "n")]
    Integer(i64),
    #[serde(rename = "t", serialize_with = "write_time")]
    Time(Timestamp),
}

fn write_time<S: Serializer>(
    time: &Timestamp,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&text_of(*time))
}

impl Cursor {
    fn encode(position: CursorPosition, order: &str) -> String {
        let k = match position.key {
            OrderKey::Text(text) => CursorValue::Text(text),
            OrderKey::Integer(number) => CursorValue::Integer(number),
            OrderKey::Time(time) => CursorValue::Time(time),
        };
        let cursor = Self { o: order.to_owned(), k, i: position.id };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }

    fn decode(text: &str, order: &str) -> Option<CursorPosition> {
        let cursor: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let key = match cursor.k {
            CursorValue::Text(text) if text.contains('\0') => return None,
            CursorValue::Text(text) => OrderKey::Text(text),
            CursorValue::Integer(number) => OrderKey::Integer(number),
            CursorValue::Time(time) => OrderKey::Time(time),
        };
        (cursor.o == order).then_some(CursorPosition { key, id: cursor.i })
    }
}

type Count = dyn Fn() -> BoxFuture<'static, Result<i64>> + Send + Sync;

/// Lazy count of a list.
pub struct TotalCount(Arc<Count>);

impl TotalCount {
    pub(super) async fn count(&self) -> Result<i64> {
        (self.0)().await
    }

    fn of<E, P>(rows: Arc<Rows<E, P>>, max: Option<u64>) -> Self
    where
        E: hallpass_data::policy::Scoped,
        P: 'static,
    {
        Self(Arc::new(move || {
            let rows = Arc::clone(&rows);
            Box::pin(async move {
                Ok(match max {
                    Some(max) => rows.count_to(max).await?,
                    None => rows.count().await?,
                })
            })
        }))
    }
}
