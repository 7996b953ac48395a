//! Conditions on the columns of one table, and nothing else.
//!
//! A [`Filter`] is built from the columns of its own table with a closed set of comparisons. It holds
//! no free SQL and no sub-query of the caller's making, so it can narrow a scope and never widen it.

use std::marker::PhantomData;

use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, Query, SimpleExpr, Value};
use sea_orm::{ColumnTrait, Condition, EntityTrait};

/// A table whose rows hang on rows of `P`.
pub trait ChildOf<P: EntityTrait>: EntityTrait {
    /// The columns that tie a child to its parent, the owner's among them where both are owned.
    const TIES: &'static [(Self::Column, P::Column)];
}

/// A condition on rows of `E`.
pub struct Filter<E> {
    condition: Condition,
    table: PhantomData<fn() -> E>,
}

impl<E> Clone for Filter<E> {
    fn clone(&self) -> Self {
        Self::from(self.condition.clone())
    }
}

impl<E> From<Condition> for Filter<E> {
    fn from(condition: Condition) -> Self {
        Self { condition, table: PhantomData }
    }
}

impl<E> Filter<E> {
    /// Every row.
    #[must_use]
    pub fn all() -> Self {
        Self::from(Condition::all())
    }

    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::from(Condition::all().add(self.condition).add(other.condition))
    }

    /// Either must hold.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::from(Condition::any().add(self.condition).add(other.condition))
    }

    /// Both must hold, where the second is asked for.
    #[must_use]
    pub fn and_maybe(self, other: Option<Self>) -> Self {
        match other {
            Some(other) => self.and(other),
            None => self,
        }
    }

    pub(crate) fn into_condition(self) -> Condition {
        self.condition
    }
}

impl<P: EntityTrait> Filter<P> {
    /// Rows that have a child row matching `filter`. Parent and child agree on every column of the
    /// key that ties them, the owner included.
    #[must_use]
    pub fn has<C: ChildOf<P>>(filter: Filter<C>) -> Self {
        let mut children = Query::select();
        children.expr(Expr::val(1)).from(C::default());
        for (child, parent) in C::TIES {
            children.and_where(column(*child).equals((P::default(), *parent)));
        }
        children.cond_where(filter.condition);
        Self::from(Condition::all().add(Expr::exists(children)))
    }
}

impl<C: EntityTrait> Filter<C> {
    /// Rows whose parent matches `filter`.
    #[must_use]
    pub fn of<P: EntityTrait>(filter: Filter<P>) -> Self
    where
        C: ChildOf<P>,
    {
        let mut parents = Query::select();
        parents.expr(Expr::val(1)).from(P::default());
        for (child, parent) in C::TIES {
            parents.and_where(column(*parent).equals((C::default(), *child)));
        }
        parents.cond_where(filter.condition);
        Self::from(Condition::all().add(Expr::exists(parents)))
    }
}

pub(crate) fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref())
}

/// Comparisons of a column with a value.
pub trait Comparison: ColumnTrait {
    /// The table of the column.
    type Table: EntityTrait<Column = Self>;

    /// Equal to `value`.
    fn is(self, value: impl Into<Value>) -> Filter<Self::Table> {
        test(column(self).eq(value.into()))
    }

    /// Before (less than) `value`.
    fn before(self, value: impl Into<Value>) -> Filter<Self::Table> {
        test(column(self).lt(value.into()))
    }

    /// After (greater than) `value`.
    fn after(self, value: impl Into<Value>) -> Filter<Self::Table> {
        test(column(self).gt(value.into()))
    }

    /// One of `values`; no row when there are none.
    fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Filter<Self::Table> {
        test(column(self).is_in(values.into_iter().map(Into::into)))
    }

    /// Holds `text` somewhere, whatever the case of ASCII letters. `%` and `_` mean themselves.
    fn contains_text(self, text: &str) -> Filter<Self::Table> {
        let mut pattern = String::from("%");
        for letter in text.to_lowercase().chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        test(Expr::expr(Func::lower(column(self))).like(LikeExpr::new(pattern).escape('\\')))
    }
}

fn test<E>(expression: SimpleExpr) -> Filter<E> {
    Filter::from(Condition::all().add(expression))
}
