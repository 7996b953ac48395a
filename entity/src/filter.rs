//! Conditions on the columns of one table, and nothing else.
//!
//! A [`Filter`] is built from the columns of its own table with a closed set of comparisons. It holds
//! no free SQL and no sub-query of the caller's making, so it can narrow a scope and never widen it.

use std::marker::PhantomData;

use hallpass_text::Term;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, SimpleExpr, Value};
use sea_orm::{ColumnTrait, Condition, EntityTrait};

/// A condition on rows of `E`.
pub struct Filter<E> {
    condition: Condition,
    table: PhantomData<fn() -> E>,
}

impl<E> Clone for Filter<E> {
    fn clone(&self) -> Self {
        Self::new(self.condition.clone())
    }
}

impl<E> Filter<E> {
    pub(crate) fn new(condition: Condition) -> Self {
        Self { condition, table: PhantomData }
    }

    /// Every row.
    #[must_use]
    pub fn all() -> Self {
        Self::new(Condition::all())
    }

    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(Condition::all().add(self.condition).add(other.condition))
    }

    /// Either must hold.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.condition.is_empty() || other.condition.is_empty() {
            return Self::all();
        }
        Self::new(Condition::any().add(self.condition).add(other.condition))
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

pub(crate) fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref())
}

/// Comparisons of a column with a value.
pub trait Comparison: ColumnTrait {
    /// The table of the column.
    type Table: EntityTrait<Column = Self>;

    /// Equal to `value`.
    fn is(self, value: impl Into<Value>) -> Filter<Self::Table> {
        test(column(self).eq(match value.into() {
            // Written into the statement: of a parameter, no database knows that a partial index fits.
            truth @ Value::Bool(Some(_)) => Expr::Constant(truth),
            value => Expr::val(value),
        }))
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

    /// Holds `term` somewhere: for columns of [`SearchText`](crate::SearchText). No index serves it.
    fn contains(self, term: &Term) -> Filter<Self::Table> {
        test(column(self).like(LikeExpr::new(pattern(term.as_str())).escape('\\')))
    }
}

fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn test<E>(expression: SimpleExpr) -> Filter<E> {
    Filter::new(Condition::all().add(expression))
}
