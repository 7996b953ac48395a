//! Type-safe filters: conditions on the columns of one table.
//!
//! A [`Filter`] is built from the columns of its own table with a closed set of comparisons. It contains
//! no raw SQL and no custom sub-query, so it can narrow a scope and never widen it.

use std::cmp::Ordering;
use std::marker::PhantomData;

use hallpass_text::Term;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, Nullable, SimpleExpr, Value};
use sea_orm::{ColumnTrait, Condition, EntityTrait};

/// A condition on rows of `E`.
///
/// ```
/// use hallpass_data::{Comparison, Filter};
///
/// fn about<C: Comparison + Copy>(title: C, stars: C) -> Filter<C::Table> {
///     title.is("Milk").or(title.is_null()).and(stars.at_least(3))
/// }
/// ```
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

    /// Both must hold, if there is a second.
    #[must_use]
    pub fn and_if_some(self, other: Option<Self>) -> Self {
        match other {
            Some(other) => self.and(other),
            None => self,
        }
    }

    pub(crate) fn into_condition(self) -> Condition {
        self.condition
    }
}

/// Equal to one of `values`.
pub(crate) fn among<C: ColumnTrait>(of: C, values: impl IntoIterator<Item = Value>) -> SimpleExpr {
    column(of).is_in(padded(values.into_iter().collect()))
}

pub(crate) fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref())
}

/// Comparisons of a column with a value.
pub trait Comparison: ColumnTrait {
    /// The table of the column.
    type Table: EntityTrait<Column = Self>;

    /// Equal to `value`; for none, the rows without a value.
    fn is(self, value: impl Into<Value>) -> Filter<Self::Table> {
        match value.into() {
            none if is_none(&none) => Comparison::is_null(self),
            // A literal: with a parameter, no database uses a partial index.
            truth @ Value::Bool(_) => test(column(self).eq(Expr::Constant(truth))),
            value => test(column(self).eq(Expr::val(value))),
        }
    }

    /// Equal to `value`, which is the same in every statement: a literal, so that a partial index is used.
    fn is_constant(self, value: i32) -> Filter<Self::Table> {
        test(column(self).eq(Expr::Constant(value.into())))
    }

    /// The complement of [`is`](Self::is): includes rows without a value, unless `value` is none.
    fn is_not(self, value: impl Into<Value>) -> Filter<Self::Table> {
        let value = value.into();
        if is_none(&value) {
            return Comparison::is_not_null(self);
        }
        test(column(self).ne(value)).or(Comparison::is_null(self))
    }

    /// Without a value.
    fn is_null(self) -> Filter<Self::Table> {
        test(column(self).is_null())
    }

    /// With a value.
    fn is_not_null(self) -> Filter<Self::Table> {
        test(column(self).is_not_null())
    }

    /// Before (less than) `value`.
    fn less_than(self, value: impl Into<Value> + Nullable) -> Filter<Self::Table> {
        test(column(self).lt(value.into()))
    }

    /// After (greater than) `value`.
    fn greater_than(self, value: impl Into<Value> + Nullable) -> Filter<Self::Table> {
        test(column(self).gt(value.into()))
    }

    /// `value` or later (greater). Nothing is later than no value, so an `Option` does not compile.
    fn at_least(self, value: impl Into<Value> + Nullable) -> Filter<Self::Table> {
        test(column(self).gte(value.into()))
    }

    /// `value` or earlier (less).
    fn at_most(self, value: impl Into<Value> + Nullable) -> Filter<Self::Table> {
        test(column(self).lte(value.into()))
    }

    /// Before (less than) another column of the row.
    fn less_than_column(self, other: Self) -> Filter<Self::Table> {
        test(column(self).lt(column(other)))
    }

    /// Equal to one of `values`, compared as in [`is`](Self::is); no row when there are none.
    fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Filter<Self::Table> {
        let (none, some): (Vec<Value>, Vec<Value>) =
            values.into_iter().map(Into::into).partition(is_none);
        let among = test(among(self, some));
        if none.is_empty() { among } else { among.or(Comparison::is_null(self)) }
    }

    /// Contains `term`: for columns of [`SearchText`](crate::SearchText). Uses no index.
    fn contains(self, term: &Term) -> Filter<Self::Table> {
        test(column(self).like(LikeExpr::new(pattern(term.as_str())).escape('\\')))
    }
}

/// Repeats the last value, up to a power of two: lists of up to 100 values then have eight statements, which stay
/// prepared, rather than a hundred, which evict each other.
///
/// IDs are sorted, so that equal lists are the same statement for the cache of shared rows.
fn padded(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by(|one, other| match (one, other) {
        (Value::Uuid(one), Value::Uuid(other)) => one.cmp(other),
        _ => Ordering::Equal,
    });
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

fn is_none(value: &Value) -> bool {
    *value == value.as_null()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_few_lengths() {
        for (given, expected) in [(0, 0), (1, 1), (2, 2), (3, 4), (20, 32), (100, 128)] {
            let values = padded((0..given).map(Value::from).collect());
            assert_eq!(values.len(), expected);
            assert!(values[given as usize..].iter().all(|value| *value == Value::from(given - 1)));
        }
    }
}
