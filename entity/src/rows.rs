//! Scoped queries: what a [`Scope`](crate::Scope) returns instead of a raw query.
//!
//! The scope's condition is part of every statement built here, and the statement runs on the
//! scope's own connection: there is no way to take it elsewhere.

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, Condition, ConnectionTrait as _, DbBackend, EntityTrait, Iterable,
    ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect, QueryTrait as _, Select,
    TryGetable, TryGetableMany,
};

use crate::filter::column;
use crate::page::{CursorPosition, Order, Page, PageRequest, id_column};
use crate::policy::{OwnedEntity, SharedEntity};
use crate::row_security::{Conn, RlsContext};
use crate::{Error, Filter, SearchText};

/// The rows behind this door may be read.
pub enum ReadOnly {}
/// The rows behind this door are the caller's own, to change and delete too.
pub enum Owned {}
/// The rows behind this door are everyone's, to change and delete for callers who may.
pub enum Editable {}

/// The rows of `E` that one door opens on, narrowed by filters. What may be done with them is `P`:
/// [`ReadOnly`], [`Owned`] or [`Editable`].
pub struct Rows<E: EntityTrait, P = ReadOnly> {
    conn: Conn,
    pass: RlsContext,
    condition: Condition,
    table: std::marker::PhantomData<fn() -> (E, P)>,
}

impl<E: EntityTrait, P> Clone for Rows<E, P> {
    fn clone(&self) -> Self {
        Self::new(self.conn.clone(), self.pass.clone(), self.condition.clone())
    }
}

impl<E: EntityTrait, P> Rows<E, P> {
    pub(crate) fn new(conn: Conn, pass: RlsContext, condition: Condition) -> Self {
        Self { conn, pass, condition, table: std::marker::PhantomData }
    }

    /// Only those that also match `filter`.
    #[must_use]
    pub fn filter(self, filter: Filter<E>) -> Self {
        self.with(filter.into_condition())
    }

    pub(crate) fn with(self, condition: Condition) -> Self {
        let condition = Condition::all().add(self.condition).add(condition);
        Self { condition, ..self }
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.conn.backend()
    }

    fn select(&self) -> Select<E> {
        let read = E::Column::iter().filter(|column| !SearchText::is_in(column));
        E::find().select_only().columns(read).filter(self.condition.clone())
    }

    /// All of them. For lists of unbounded length use [`page`](Self::page).
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn all(&self) -> Result<Vec<E::Model>, Error> {
        self.conn.read(&self.pass, async |conn| self.select().all(conn).await).await
    }

    /// Some `columns` of all of them.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn columns<T: TryGetableMany>(
        &self,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Result<Vec<T>, Error> {
        let rows = self.select().select_only().columns(columns);
        self.conn.read(&self.pass, async |conn| rows.into_tuple::<T>().all(conn).await).await
    }

    /// All of them, in order.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn all_by(&self, order: E::Column) -> Result<Vec<E::Model>, Error> {
        let rows = self.select().order_by_asc(order);
        self.conn.read(&self.pass, async |conn| rows.all(conn).await).await
    }

    /// The one row, if it is there.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn one(&self) -> Result<Option<E::Model>, Error> {
        self.conn.read(&self.pass, async |conn| self.select().one(conn).await).await
    }

    /// How many there are.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn count(&self) -> Result<i64, Error> {
        let counted = self.select().select_only().expr_as(Expr::col(Asterisk).count(), "n");
        let counted =
            self.conn.read(&self.pass, async |conn| counted.into_tuple::<i64>().one(conn).await);
        Ok(counted.await?.unwrap_or_default())
    }

    /// How many there are, counted to `most`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn count_to(&self, most: u64) -> Result<i64, Error> {
        let mut some = self.select().select_only().expr(Expr::val(1)).limit(most).into_query();
        let mut counted = Query::select();
        counted.expr_as(Expr::col(Asterisk).count(), "n").from_subquery(some.take(), "counted");
        let counted =
            self.conn.read(&self.pass, async |conn| conn.query_all(&counted).await).await?;
        Ok(counted.first().map_or(Ok(0), |row| row.try_get("", "n"))?)
    }

    /// How many there are of each value of `by`.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn count_by<V: TryGetable>(&self, by: E::Column) -> Result<Vec<(V, i64)>, Error> {
        let counted = self
            .select()
            .select_only()
            .column(by)
            .expr_as(Expr::col(Asterisk).count(), "n")
            .group_by(by);
        let counted = self
            .conn
            .read(&self.pass, async |conn| counted.into_tuple::<(V, i64)>().all(conn).await);
        counted.await
    }

    /// One page of them.
    ///
    /// The bounds compare row values, `(key, id) > (…, …)`: both databases use an index for that,
    /// and only filter by the spelled-out `OR` form.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn page(
        &self,
        order: &Order<E>,
        window: &PageRequest,
    ) -> Result<Page<E::Model>, Error>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        // The end of the list first means running through it backwards.
        let descending = order.is_descending() != window.from_end;
        let direction = if descending { sea_orm::Order::Desc } else { sea_orm::Order::Asc };
        let page = self
            .select()
            .filter(bounds(order, window))
            .order_by(order.expression(), direction.clone())
            .order_by(id_column::<E>(), direction)
            .limit(window.limit + 1);
        let mut rows = self.conn.read(&self.pass, async |conn| page.all(conn).await).await?;
        let more = rows.len() as u64 > window.limit;
        if more {
            rows.pop();
        }
        if window.from_end {
            rows.reverse();
        }
        let rows = rows
            .into_iter()
            .map(|row| Ok((order.position(&row)?, row)))
            .collect::<Result<Vec<_>, Error>>()?;
        let (has_previous, has_next) = if window.from_end {
            (more, window.before.is_some())
        } else {
            (window.after.is_some(), more)
        };
        Ok(Page { rows, has_previous, has_next })
    }
}

fn bounds<E: EntityTrait>(order: &Order<E>, window: &PageRequest) -> Condition {
    let here = || Expr::tuple([order.expression(), column(id_column::<E>())]);
    let there = |position: &CursorPosition| -> SimpleExpr {
        Expr::tuple([Expr::val(position.key.value()), Expr::val(position.id)])
    };
    let behind = |position| match order.is_descending() {
        true => here().lt(there(position)),
        false => here().gt(there(position)),
    };
    let ahead = |position| match order.is_descending() {
        true => here().gt(there(position)),
        false => here().lt(there(position)),
    };
    Condition::all()
        .add_option(window.after.as_ref().map(behind))
        .add_option(window.before.as_ref().map(ahead))
}

/// New values for the columns of rows.
pub struct Update<E: EntityTrait> {
    values: E::ActiveModel,
    counters: Vec<E::Column>,
    cleared: Vec<(E::Column, Filter<E>)>,
}

impl<E: EntityTrait> Update<E> {
    /// The columns that are set in `values`.
    pub fn set(values: E::ActiveModel) -> Self {
        Self { values, counters: Vec::new(), cleared: Vec::new() }
    }

    /// And one more in `column`.
    #[must_use]
    pub fn increment(mut self, column: E::Column) -> Self {
        self.counters.push(column);
        self
    }

    /// And no value in `column` of those rows that match `filter` before the change.
    #[must_use]
    pub fn clear_where(mut self, column: E::Column, filter: Filter<E>) -> Self {
        self.cleared.push((column, filter));
        self
    }
}

impl<E: EntityTrait, P> Rows<E, P> {
    /// The one statement that changes rows. The key stays as it is, whatever `change` says.
    async fn change(&self, change: Update<E>) -> Result<Vec<E::Model>, Error> {
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
        self.conn.run(&self.pass, async |conn| update.exec_with_returning(conn).await).await
    }

    /// The one statement that deletes rows.
    async fn remove(&self) -> Result<u64, Error> {
        let delete = E::delete_many().filter(self.condition.clone());
        let deleted = self.conn.run(&self.pass, async |conn| delete.exec(conn).await).await?;
        Ok(deleted.rows_affected)
    }
}

impl<E: OwnedEntity> Rows<E, Owned> {
    /// Changes every row, in one statement, and returns them as they are then. The owner and the key
    /// stay as they are, whatever `change` says.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn update(&self, mut change: Update<E>) -> Result<Vec<E::Model>, Error> {
        E::derive(&mut change.values);
        E::set_owner(&mut change.values, sea_orm::ActiveValue::NotSet);
        self.change(change).await
    }

    /// Deletes every row, in one statement, and says how many there were.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delete(&self) -> Result<u64, Error> {
        self.remove().await
    }
}

impl<E: SharedEntity> Rows<E, Editable> {
    /// Changes every row, in one statement, and returns them as they are then. The key stays as it is,
    /// whatever `change` says.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] or [`Error::ForeignKeyViolation`] when `change` does not fit the other rows; else when the
    /// database is away or refuses.
    pub async fn update(&self, mut change: Update<E>) -> Result<Vec<E::Model>, Error> {
        E::derive(&mut change.values);
        self.change(change).await
    }

    /// Deletes every row and what hangs on it, in one statement, and says how many there were.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn delete(&self) -> Result<u64, Error> {
        self.remove().await
    }
}
