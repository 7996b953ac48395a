//! Scoped queries: returned by a [`Scope`](crate::Scope) instead of a raw query.
//!
//! The scope's condition is part of every statement built here, and the statement runs on the
//! scope's own connection; it cannot be extracted.

mod by_key;
mod columns;
mod insert;

use sea_orm::sea_query::{
    Asterisk, Expr, ExprTrait, Func, LogicalChainOper, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{
    ActiveModelTrait, Condition, ConnectionTrait as _, DbBackend, DbErr, EntityTrait, Iterable,
    ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryResult, QuerySelect, QueryTrait as _, Select,
    Statement, TryGetError, TryGetable, TryGetableMany,
};

use crate::executor::Executor;
use crate::filter::column;
use crate::page::{CursorPosition, Order, Page, PageRequest, id_column};
use crate::policy::{OwnedEntity, Scoped, SharedEntity};
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::shared_cache::{Lookup, length};
use crate::{Error, Filter, FromRow, PartialModel};

/// The rows may be read.
pub enum ReadOnly {}
/// The rows are the caller's own, and may be changed and deleted too.
pub enum Owned {}
/// The rows are of the caller's tenant, and may be changed and deleted too.
pub enum OfTenant {}
/// The rows are shared, and may be changed and deleted with a privilege.
pub enum Editable {}

/// The rows of `E` that a scope gives access to, narrowed by filters. `P` is the access:
/// [`ReadOnly`], [`Owned`], [`OfTenant`] or [`Editable`].
pub struct Rows<E: EntityTrait, P = ReadOnly> {
    conn: Conn,
    context: RlsContext,
    condition: Condition,
    /// Whether they are published rows of a shared table, the same for every caller.
    is_cached: bool,
    /// Whether a filter narrows them.
    is_filtered: bool,
    table: std::marker::PhantomData<fn() -> (E, P)>,
}

impl<E: Scoped, P> Clone for Rows<E, P> {
    fn clone(&self) -> Self {
        let (conn, context) = (self.conn.clone(), self.context.clone());
        let (is_cached, is_filtered) = (self.is_cached, self.is_filtered);
        Self { is_cached, is_filtered, ..Self::new(conn, context, self.condition.clone()) }
    }
}

impl<E: Scoped, P> Rows<E, P> {
    pub(crate) fn new(conn: Conn, context: RlsContext, condition: Condition) -> Self {
        let table = std::marker::PhantomData;
        Self { conn, context, condition, is_cached: false, is_filtered: false, table }
    }

    /// The same rows for every caller: statements are read from the cache.
    pub(crate) fn cached(self) -> Self {
        Self { is_cached: true, ..self }
    }

    /// Reads the database, never the cache: another server may have changed the rows just now.
    #[must_use]
    pub fn uncached(self) -> Self {
        Self { is_cached: false, ..self }
    }

    /// Only those that also match `filter`.
    #[must_use]
    pub fn filter(self, filter: Filter<E>) -> Self {
        self.with(filter.into_condition())
    }

    pub(crate) fn with(self, condition: Condition) -> Self {
        let condition = Condition::all().add(self.condition).add(condition);
        Self { condition, is_filtered: true, ..self }
    }

    /// Those that match a condition on rows of the caller, which row-level security shows in the context `own`. They
    /// differ between callers, so that they are not cached.
    pub(crate) fn concerning(self, own: RlsContext, condition: Condition) -> Self {
        let context = match self.context {
            RlsContext::Public => own,
            wider => wider,
        };
        Self { context, is_cached: false, ..self }.with(condition)
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.conn.backend()
    }

    /// The statement of those that also match `condition`, without columns. It has one expression: SeaORM's `cond_where`
    /// copies its condition whenever it writes it.
    fn select_none(&self, condition: Condition) -> SelectStatement {
        let condition = match (self.condition.is_empty(), condition.is_empty()) {
            (_, true) => self.condition.clone(),
            (true, false) => condition,
            (false, false) => Condition::all().add(self.condition.clone()).add(condition),
        };
        let mut select = Query::select();
        select.from(E::default().table_ref());
        if !condition.is_empty() {
            select.and_or_where(LogicalChainOper::And(condition.into()));
        }
        select
    }

    /// The statement of those that also match `condition`, with the columns of the model.
    fn select(&self, condition: Condition) -> SelectStatement {
        let mut select = self.select_none(condition);
        select.expr(Expr::cust(columns::all::<E>(self.backend()).to_string()));
        select
    }

    async fn read(&self, select: &SelectStatement) -> Result<Vec<E::Model>, Error> {
        self.decode(select, E::Model::from_row).await
    }

    /// Their statement without columns, to select columns by their types: SeaORM casts some.
    fn typed(&self) -> Select<E> {
        E::find().select_only().filter(self.condition.clone())
    }

    /// The rows of a statement, each decoded by the position of its columns. `row` gets the columns whose types are known.
    async fn decode<T: Clone + Send + Sync + 'static>(
        &self,
        select: &SelectStatement,
        row: impl Fn(&QueryResult, &mut u64) -> Result<T, TryGetError>,
    ) -> Result<Vec<T>, Error> {
        let statement = self.backend().build(select);
        let cache = self.conn.shared_cache().filter(|_| self.is_cached);
        let slot = match cache.and_then(|cache| cache.get(&statement)) {
            Some(Lookup::Hit(rows)) => return Ok(rows),
            Some(Lookup::Miss(slot)) => cache.zip(Some(slot)),
            None => None,
        };
        let read = self.fetch(statement).await?;
        let rows = decoded(&read, row)?;
        if let Some((cache, slot)) = slot {
            cache.put(slot, read.iter().map(length).sum(), &rows);
        }
        Ok(rows)
    }

    /// The rows of a statement, as the database sent them.
    async fn fetch(&self, statement: Statement) -> Result<Vec<QueryResult>, Error> {
        let read = async |conn: &Executor<'_>| conn.query_all_raw(statement).await;
        self.conn.read(&self.context, read).await
    }

    /// All of them. For lists of unbounded length use [`page`](Self::page).
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn all(&self) -> Result<Vec<E::Model>, Error> {
        self.read(&self.select(Condition::all())).await
    }

    /// These `columns` of all of them.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn columns<T: TryGetableMany + Clone + Send + Sync + 'static>(
        &self,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.typed().columns(columns);
        self.decode(&rows.into_query(), |row, _| T::try_get_many_by_index(row)).await
    }

    /// All of them, in order.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn all_by(&self, order: E::Column) -> Result<Vec<E::Model>, Error> {
        let mut rows = self.select(Condition::all());
        rows.order_by_expr(column(order), sea_orm::Order::Asc);
        self.read(&rows).await
    }

    /// The one row, if it exists.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn one(&self) -> Result<Option<E::Model>, Error> {
        let mut one = self.select(Condition::all());
        one.limit(1);
        Ok(self.read(&one).await?.into_iter().next())
    }

    /// The number of rows.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn count(&self) -> Result<i64, Error> {
        let mut counted = self.select_none(Condition::all());
        counted.expr_as(Expr::col(Asterisk).count(), "n");
        let counted = self.decode(&counted, |row, _| i64::try_get_by(row, 0)).await?;
        Ok(counted.into_iter().next().unwrap_or_default())
    }

    /// The number of rows, at most `limit`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn count_to(&self, limit: u64) -> Result<i64, Error> {
        let mut some = self.select_none(Condition::all());
        some.expr(Expr::Constant(1.into())).limit(limit);
        let mut counted = Query::select();
        counted.expr_as(Expr::col(Asterisk).count(), "n").from_subquery(some.take(), "counted");
        let counted = self.decode(&counted, |row, _| i64::try_get_by(row, 0)).await?;
        Ok(counted.into_iter().next().unwrap_or_default())
    }

    /// The number of rows per value of `by`.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn count_by<V: TryGetable + Clone + Send + Sync + 'static>(
        &self,
        by: E::Column,
    ) -> Result<Vec<(V, i64)>, Error> {
        let counted = self.count_by_and_among(by, []).await?;
        Ok(counted.into_iter().map(|(value, all, [])| (value, all)).collect())
    }

    /// The number of rows per value of `by`, and of those among them that match each of these `filters`: the rows are
    /// read once for all counts.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn count_by_and_among<V, const N: usize>(
        &self,
        by: E::Column,
        filters: [Filter<E>; N],
    ) -> Result<Vec<(V, i64, [i64; N])>, Error>
    where
        V: TryGetable + Clone + Send + Sync + 'static,
    {
        let mut counted = self.typed().column(by).expr_as(Expr::col(Asterisk).count(), "n");
        for (filter, place) in filters.into_iter().zip(0..) {
            let matching = Expr::case(filter.into_condition(), Expr::Constant(1.into()));
            counted = counted.expr_as(Func::count(matching), format!("n{place}"));
        }
        let row = |row: &QueryResult, _: &mut u64| {
            let mut matching = [0; N];
            for (count, at) in matching.iter_mut().zip(2_usize..) {
                *count = i64::try_get_by(row, at)?;
            }
            Ok((V::try_get_by(row, 0)?, i64::try_get_by(row, 1)?, matching))
        };
        self.decode(&counted.group_by(by).into_query(), row).await
    }

    /// One page of them.
    ///
    /// The bounds compare row values, `(key, id) > (…, …)`: both databases use an index for that, but
    /// not for the equivalent `OR` expression.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn page(
        &self,
        order: &Order<E>,
        request: &PageRequest,
    ) -> Result<Page<E::Model>, Error>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        let rows = self.select(bounds(order, request));
        let rows = self.read(&sorted(rows, order, request)).await?;
        page_of(rows, request, |row| order.position(row))
    }

    /// As [`page`](Self::page), of these `columns`, and those of the positions.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn partial_page<M: PartialModel<Entity = E> + Clone + 'static>(
        &self,
        order: &Order<E>,
        request: &PageRequest,
        columns: &[E::Column],
    ) -> Result<Page<M>, Error> {
        let of_order = order.columns();
        let read = columns.iter().chain(&of_order);
        let (columns, text) = columns::among::<E>(self.backend(), read);
        let mut select = self.select_none(bounds(order, request));
        select.expr(Expr::cust(text));
        let row = |row: &QueryResult, known: &mut u64| M::read(row, &columns, known);
        let rows = self.decode(&sorted(select, order, request), row).await?;
        page_of(rows, request, |row| order.position_in(row))
    }
}

/// The statement of a page, from that of its bounds.
fn sorted<E: EntityTrait>(
    mut rows: SelectStatement,
    order: &Order<E>,
    request: &PageRequest,
) -> SelectStatement {
    // A page from the end is read backwards.
    let descending = order.is_descending() != request.from_end;
    let direction = if descending { sea_orm::Order::Desc } else { sea_orm::Order::Asc };
    rows.order_by_expr(order.expression(), direction.clone())
        .order_by_expr(column(id_column::<E>()), direction)
        .limit(request.limit + 1);
    rows
}

fn page_of<M>(
    mut rows: Vec<M>,
    request: &PageRequest,
    position: impl Fn(&M) -> Result<CursorPosition, Error>,
) -> Result<Page<M>, Error> {
    let more = rows.len() as u64 > request.limit;
    if more {
        rows.pop();
    }
    if request.from_end {
        rows.reverse();
    }
    let positions = rows.iter().map(position).collect::<Result<_, _>>()?;
    let (has_previous, has_next) = if request.from_end {
        (more, request.before.is_some())
    } else {
        (request.after.is_some(), more)
    };
    Ok(Page { rows, positions, has_previous, has_next })
}

/// `row` gets the columns whose types are known.
fn decoded<T>(
    read: &[QueryResult],
    row: impl Fn(&QueryResult, &mut u64) -> Result<T, TryGetError>,
) -> Result<Vec<T>, Error> {
    let (mut rows, mut known) = (Vec::with_capacity(read.len()), 0);
    for one in read {
        rows.push(row(one, &mut known).map_err(DbErr::from)?);
    }
    Ok(rows)
}

fn bounds<E: EntityTrait>(order: &Order<E>, request: &PageRequest) -> Condition {
    let bound = |position: &CursorPosition, is_after: bool| {
        let here = Expr::tuple([order.expression(), column(id_column::<E>())]);
        let there: SimpleExpr =
            Expr::tuple([Expr::val(position.key.value()), Expr::val(position.id)]);
        let (sort, key) = (order.expression(), Expr::val(position.key.value()));
        let (rows, keys) = match order.is_descending() == is_after {
            true => (here.lt(there), sort.lte(key)),
            false => (here.gt(there), sort.gte(key)),
        };
        // SQLite begins no scan of an index at a row value with an expression.
        Condition::all().add(rows).add_option(order.is_by_expression().then_some(keys))
    };
    Condition::all()
        .add_option(request.after.as_ref().map(|position| bound(position, true)))
        .add_option(request.before.as_ref().map(|position| bound(position, false)))
}

/// New values for the columns of rows.
///
/// ```
/// use hallpass_data::policy::OwnedEntity;
/// use hallpass_data::{Error, Filter, Scope, Update};
///
/// /// Changes a row of the caller, unless it has another version. Returns the new rows: one or none.
/// async fn change<E: OwnedEntity>(
///     scope: &Scope,
///     expected: Filter<E>,
///     values: E::ActiveModel,
///     version: E::Column,
/// ) -> Result<Vec<E::Model>, Error> {
///     let rows = scope.owned::<E>()?.filter(expected);
///     rows.update(Update::set(values).increment(version)).await
/// }
/// ```
pub struct Update<E: EntityTrait> {
    pub(crate) values: E::ActiveModel,
    counters: Vec<E::Column>,
    cleared: Vec<(E::Column, Filter<E>)>,
}

impl<E: EntityTrait> Update<E> {
    /// The columns that are set in `values`.
    pub fn set(values: E::ActiveModel) -> Self {
        Self { values, counters: Vec::new(), cleared: Vec::new() }
    }

    /// And increments `column`.
    #[must_use]
    pub fn increment(mut self, column: E::Column) -> Self {
        self.counters.push(column);
        self
    }

    /// And sets `column` to null in the rows that match `filter` before the change.
    #[must_use]
    pub fn clear_where(mut self, column: E::Column, filter: Filter<E>) -> Self {
        self.cleared.push((column, filter));
        self
    }
}

impl<E: Scoped, P> Rows<E, P> {
    /// The one statement that updates rows. The key is not changed, even if `change` sets it.
    pub(crate) async fn change(&self, change: Update<E>) -> Result<Vec<E::Model>, Error> {
        let Update { mut values, counters, cleared } = change;
        for key in E::PrimaryKey::iter() {
            values.not_set(key.into_column());
        }
        let mut update = E::update_many().set(values).filter(self.condition.clone());
        for counter in counters {
            update = update.col_expr(counter, Expr::col(counter).add(1));
        }
        for (cleared, filter) in cleared {
            let kept = Expr::case(filter.into_condition(), Expr::null()).finally(column(cleared));
            update = update.col_expr(cleared, kept.into());
        }
        let update = async |conn: &Executor<'_>| update.exec_with_returning(conn).await;
        self.write(update).await
    }

    /// The one statement that deletes rows.
    pub(crate) async fn remove(&self) -> Result<u64, Error> {
        let delete = E::delete_many().filter(self.condition.clone());
        let deleted = self.write(async |conn: &Executor<'_>| delete.exec(conn).await).await?;
        Ok(deleted.rows_affected)
    }

    async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&Executor<'_>) -> Result<T, DbErr>,
    ) -> Result<T, Error> {
        match E::IS_SHARED {
            true => self.conn.run_on_shared(&self.context, work).await,
            false => self.conn.run(&self.context, work).await,
        }
    }
}

impl<E: OwnedEntity> Rows<E, Owned> {
    /// Updates every row, in one statement, and returns the new rows. The owner and the key are not changed,
    /// even if `change` sets them.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn update(&self, mut change: Update<E>) -> Result<Vec<E::Model>, Error> {
        E::derive(&mut change.values);
        E::set_owner(&mut change.values, sea_orm::ActiveValue::NotSet);
        self.change(change).await
    }

    /// Deletes every row, in one statement, and returns how many there were.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete(&self) -> Result<u64, Error> {
        self.remove().await
    }
}

impl<E: SharedEntity> Rows<E, Editable> {
    /// Updates every row, in one statement, and returns the new rows. The key is not changed, even if
    /// `change` sets it.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] or [`Error::ForeignKeyViolation`] when `change` conflicts with other rows; else
    /// when the database is unavailable or rejects the statement.
    pub async fn update(&self, mut change: Update<E>) -> Result<Vec<E::Model>, Error> {
        E::derive(&mut change.values);
        self.change(change).await
    }

    /// Deletes every row with its children, in one statement, and returns how many rows there were.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete(&self) -> Result<u64, Error> {
        self.remove().await
    }
}
