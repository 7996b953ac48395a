//! Pagination: Relay connections over keyset cursors.

use std::sync::Arc;

use async_graphql::connection::{Connection as RelayConnection, Edge, EmptyFields};
use async_graphql::{Enum, Object, OutputType};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use hallpass_entity::{CursorPosition, MAX_MATCHES, Order, OrderKey, PageRequest, Rows, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::Result;
use super::input_problem::ProblemKind;
use super::validation::Validator;

/// A connection whose total is counted only when asked for.
pub type Connection<N> = RelayConnection<String, N, TotalCount, EmptyFields>;

/// How many items a page has unless said otherwise.
const DEFAULT_PAGE_SIZE: i32 = 20;
/// How many a page has at most.
const MAX_PAGE_SIZE: i32 = 100;

/// Which way a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(name = "OrderDirection")]
pub enum Direction {
    /// Smallest, oldest, A first.
    #[default]
    Asc,
    /// Largest, newest, Z first.
    Desc,
}

/// The arguments of a page, as they came.
#[derive(Clone, Debug, Default)]
pub struct PageArgs {
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
}

/// An order with a name, which its cursors carry: a cursor of one order means nothing in another.
pub struct NamedOrder<E: hallpass_entity::policy::Scoped> {
    /// The order's name.
    pub name: String,
    /// The order.
    pub order: Order<E>,
}

impl PageArgs {
    /// The arguments `first`, `after`, `last` and `before`.
    pub fn new(
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Self {
        Self { first, after, last, before }
    }

    fn page_request<E: hallpass_entity::policy::Scoped>(
        &self,
        listing: &NamedOrder<E>,
    ) -> Result<PageRequest> {
        let mut checks = Validator::default();
        if self.first.is_some() && self.last.is_some() {
            let message = "give `first` or `last`, not both";
            checks.add_problem("last", ProblemKind::Conflicting, message);
        }
        for (path, count) in [("first", self.first), ("last", self.last)] {
            if let Some(count) = count {
                checks.number(
                    path,
                    count,
                    &(1..=MAX_PAGE_SIZE),
                    format!("ask for 1 to {MAX_PAGE_SIZE}"),
                );
            }
        }
        let mut position = |path, cursor: &Option<String>| {
            let text = cursor.as_deref()?;
            let position =
                Cursor::decode(text, &listing.name).filter(|p| listing.order.matches_order(&p.key));
            if position.is_none() {
                checks
                    .add_error(path, "use a cursor of this list in this order, as a page gave it");
            }
            position
        };
        let (after, before) = (position("after", &self.after), position("before", &self.before));
        checks.finish()?;
        let limit = self.first.or(self.last).unwrap_or(DEFAULT_PAGE_SIZE);
        let from_end = self.last.is_some();
        Ok(PageRequest { after, before, limit: u64::try_from(limit).unwrap_or_default(), from_end })
    }
}

/// One page of `rows`, each row made into a node.
///
/// # Errors
/// When the arguments are wrong, or the database is away.
pub async fn paginate<E, P, N>(
    rows: Rows<E, P>,
    listing: &NamedOrder<E>,
    args: &PageArgs,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_entity::policy::Listed,
    P: 'static,
    N: OutputType,
{
    let total = TotalCount::of(rows.clone(), None);
    page_of(&rows, total, listing, args, node).await
}

/// The same for a list that anyone may ask for, signed in or not: its total is counted to
/// [`MAX_MATCHES`].
///
/// # Errors
/// As [`paginate`].
pub async fn paginate_open<E, P, N>(
    rows: Rows<E, P>,
    listing: &NamedOrder<E>,
    args: &PageArgs,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_entity::policy::Listed,
    P: 'static,
    N: OutputType,
{
    let total = TotalCount::of(rows.clone(), Some(MAX_MATCHES));
    page_of(&rows, total, listing, args, node).await
}

async fn page_of<E, P, N>(
    rows: &Rows<E, P>,
    total: TotalCount,
    listing: &NamedOrder<E>,
    args: &PageArgs,
    node: impl Fn(E::Model) -> N,
) -> Result<Connection<N>>
where
    E: hallpass_entity::policy::Listed,
    N: OutputType,
{
    let page = rows.page(&listing.order, &args.page_request(listing)?).await?;
    let mut connection =
        Connection::with_additional_fields(page.has_previous, page.has_next, total);
    connection.edges.extend(
        page.rows
            .into_iter()
            .map(|(position, row)| Edge::new(Cursor::encode(position, &listing.name), node(row))),
    );
    Ok(connection)
}

/// What a cursor holds: nothing that helps anyone else, since every page is read through a scope.
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
    #[serde(rename = "t")]
    Time(Timestamp),
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

/// Counts a whole list, on demand.
pub struct TotalCount(Arc<Count>);

impl TotalCount {
    fn of<E, P>(rows: Rows<E, P>, most: Option<u64>) -> Self
    where
        E: hallpass_entity::policy::Scoped,
        P: 'static,
    {
        let rows = Arc::new(rows);
        Self(Arc::new(move || {
            let rows = Arc::clone(&rows);
            Box::pin(async move {
                Ok(match most {
                    Some(most) => rows.count_to(most).await?,
                    None => rows.count().await?,
                })
            })
        }))
    }
}

#[Object]
impl TotalCount {
    /// How many there are in the whole list. Counted only when asked for. Public tasks, courses and chapters
    /// are counted to 10,000: that total says that there are as many or more.
    async fn total_count(&self) -> Result<Option<i64>> {
        Ok(Some((self.0)().await?))
    }
}
