//! Relay connections: the page of a list that [`paginate`](super::paginate) returns.

use std::borrow::Cow;

use async_graphql::connection::CursorType as _;
use async_graphql::{Object, TypeName};

use super::error::Result;
use super::object::{GuardedObject, Objects};
use super::pagination::{Position, Positions, TotalCount};
use super::plain::Json as _;
use crate::access::{RequestAuth, guarded, semantic_non_null};

/// A page of a list of the type `N`, with a `totalCount` that is counted only if requested.
pub struct Connection<N: GuardedObject> {
    nodes: Vec<N>,
    positions: Positions,
    has_previous_page: bool,
    has_next_page: bool,
    total: TotalCount,
}

impl<N: GuardedObject> Connection<N> {
    pub(super) fn new(
        nodes: Vec<N>,
        positions: Positions,
        has_previous_page: bool,
        has_next_page: bool,
        total: TotalCount,
    ) -> Self {
        Self { nodes, positions, has_previous_page, has_next_page, total }
    }

    /// The objects of the page, in its order.
    pub fn objects(&self) -> &[N] {
        &self.nodes
    }
}

impl<N: GuardedObject> TypeName for Connection<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", N::type_name()).into()
    }
}

/// A page of a list.
#[Object(name_type)]
impl<N: GuardedObject> Connection<N> {
    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous_page,
            has_next_page: self.has_next_page,
            start: self.positions.get(0),
            end: self.positions.get(self.nodes.len().saturating_sub(1)),
        }
    }

    /// A list of edges.
    async fn edges(&self) -> Objects<Edge<&N>, Edge<N>> {
        let positions = (0..).map_while(|index| self.positions.get(index));
        self.nodes.iter().zip(positions).map(|(node, at)| Edge::new(at, node)).collect()
    }

    /// A list of nodes.
    async fn nodes(&self) -> Objects<&N> {
        self.nodes.iter().collect()
    }

    /// Number of items in the whole list. Counted only if requested. For rows of all users, the maximum is 10,000,
    /// which means 10,000 or more.
    #[graphql(directive = semantic_non_null::apply())]
    async fn total_count(&self) -> Result<Option<i64>> {
        Ok(Some(self.total.count().await?))
    }
}

/// An edge of a [`Connection`]: a row, and its position in the list.
pub struct Edge<N: GuardedObject> {
    position: Position,
    node: N,
}

impl<N: GuardedObject> Edge<N> {
    pub(super) fn new(position: Position, node: N) -> Self {
        Self { position, node }
    }
}

impl<N: GuardedObject> TypeName for Edge<N> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", N::type_name()).into()
    }
}

/// An edge in a connection.
#[Object(name_type)]
impl<N: GuardedObject> Edge<N> {
    /// The item at the end of the edge
    async fn node(&self) -> &N {
        &self.node
    }

    /// A cursor for use in pagination
    async fn cursor(&self) -> String {
        self.position.encode_cursor()
    }
}

impl<N: GuardedObject> GuardedObject for Edge<N> {
    fn plain_field(name: &str) -> Option<usize> {
        (name == "cursor").then_some(0)
    }

    fn write_plain(&self, _: usize, _: Option<&RequestAuth>, json: &mut Vec<u8>) -> bool {
        self.position.encode_cursor().write(json);
        true
    }
}

/// Information about pagination in a connection.
struct PageInfo {
    has_previous_page: bool,
    has_next_page: bool,
    start: Option<Position>,
    end: Option<Position>,
}

/// Information about pagination in a connection
#[guarded(PageInfo)]
impl PageInfo {
    /// When paginating backwards, are there more items?
    async fn has_previous_page(&self) -> bool {
        self.has_previous_page
    }

    /// When paginating forwards, are there more items?
    async fn has_next_page(&self) -> bool {
        self.has_next_page
    }

    /// When paginating backwards, the cursor to continue.
    async fn start_cursor(&self) -> Option<String> {
        self.start.as_ref().map(Position::encode_cursor)
    }

    /// When paginating forwards, the cursor to continue.
    async fn end_cursor(&self) -> Option<String> {
        self.end.as_ref().map(Position::encode_cursor)
    }
}
