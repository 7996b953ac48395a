//! Keyset pagination: a page starts after a row, not at an offset, so rows that are inserted or deleted
//! between two pages neither repeat nor hide others.

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, SimpleExpr, Value};
use sea_orm::{
    ColumnTrait as _, ColumnType, Condition, DbErr, EntityTrait, Iterable, ModelTrait,
    PrimaryKeyToColumn,
};
use uuid::Uuid;

use crate::filter::column;
use crate::{Error, Filter, PartialModel, Timestamp};

/// The sort value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderKey {
    /// A text column.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A point in time.
    Time(Timestamp),
}

/// The position of a row in an [`Order`]: its sort value, then its id.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorPosition {
    /// The sort value.
    pub key: OrderKey,
    /// The row's id, which breaks ties.
    pub id: Uuid,
}

/// The sort order of a list.
pub struct Order<E: EntityTrait> {
    column: E::Column,
    null_key: Option<OrderKey>,
    descending: bool,
}

impl<E: EntityTrait> Clone for Order<E> {
    fn clone(&self) -> Self {
        Self { column: self.column, null_key: self.null_key.clone(), descending: self.descending }
    }
}

impl<E: EntityTrait> Order<E> {
    /// By `column`, smallest first unless `descending`.
    #[must_use]
    pub fn by(column: E::Column, descending: bool) -> Self {
        Self { column, null_key: None, descending }
    }

    /// Sorts rows without a value as if they had `key`.
    #[must_use]
    pub fn nulls_as(mut self, key: OrderKey) -> Self {
        self.null_key = Some(key);
        self
    }

    /// Sorts rows without a value as larger than all others. Without effect on a column that always has one.
    #[must_use]
    pub fn nulls_last(self) -> Self {
        let column = self.column.def();
        let largest = match column.get_column_type() {
            _ if !column.is_null() => return self,
            ColumnType::SmallInteger => OrderKey::Integer(i16::MAX.into()),
            ColumnType::Integer => OrderKey::Integer(i32::MAX.into()),
            ColumnType::BigInteger => OrderKey::Integer(i64::MAX),
            ColumnType::TimestampWithTimeZone => OrderKey::Time(LAST_TIME),
            _ => OrderKey::Text(char::MAX.to_string()),
        };
        self.nulls_as(largest)
    }

    /// Whether a cursor with this key is valid in this order: a key of a different type than the
    /// column's would cause a database error.
    #[must_use]
    pub fn matches_order(&self, key: &OrderKey) -> bool {
        match (key, self.column.def().get_column_type()) {
            (
                OrderKey::Text(_),
                ColumnType::String(_) | ColumnType::Text | ColumnType::Custom(_),
            ) => true,
            (OrderKey::Integer(number), ColumnType::SmallInteger) => i16::try_from(*number).is_ok(),
            (OrderKey::Integer(number), ColumnType::Integer) => i32::try_from(*number).is_ok(),
            (OrderKey::Integer(_), ColumnType::BigInteger) => true,
            (OrderKey::Time(time), ColumnType::TimestampWithTimeZone) => {
                (0..=9999).contains(&time.year())
            }
            _ => false,
        }
    }

    /// Rows whose sort value is less than `key`. Unlike a comparison of the column, it is a range of the index of an
    /// order with [`nulls_as`](Self::nulls_as).
    #[must_use]
    pub fn less_than(&self, key: &OrderKey) -> Filter<E> {
        Filter::new(Condition::all().add(self.expression().lt(Expr::val(key.value()))))
    }

    /// Rows whose sort value is greater than `key`. See [`less_than`](Self::less_than).
    #[must_use]
    pub fn greater_than(&self, key: &OrderKey) -> Filter<E> {
        Filter::new(Condition::all().add(self.expression().gt(Expr::val(key.value()))))
    }

    pub(crate) fn is_descending(&self) -> bool {
        self.descending
    }

    /// Whether the sort value is computed, not a column.
    pub(crate) fn is_by_expression(&self) -> bool {
        self.null_key.is_some()
    }

    pub(crate) fn expression(&self) -> SimpleExpr {
        match &self.null_key {
            // Not `COALESCE`: PostgreSQL counts it as leaking, and does not compare it with a cursor before a policy
            // of row-level security.
            Some(key) => {
                let is_null = column(self.column).is_null();
                Expr::case(is_null, key.literal()).finally(column(self.column)).into()
            }
            None => column(self.column),
        }
    }

    /// The position of `row`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the column is of a type that lists are not sorted by.
    pub fn position(&self, row: &E::Model) -> Result<CursorPosition, Error>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        self.position_of(row.get(self.column), row.get(id_column::<E>()))
    }

    /// The position of a row whose columns were read in part.
    ///
    /// # Errors
    /// As [`position`](Self::position), or if the id or the column of the order was not read.
    pub fn position_in(
        &self,
        row: &impl PartialModel<Entity = E>,
    ) -> Result<CursorPosition, Error> {
        match (row.value(self.column), row.value(id_column::<E>())) {
            (Some(key), Some(id)) => self.position_of(key, id),
            _ => Err(DbErr::AttrNotSet("the id, or the column of the order".into()).into()),
        }
    }

    fn position_of(&self, key: Value, id: Value) -> Result<CursorPosition, Error> {
        let key = OrderKey::from_value(key).or_else(|| self.null_key.clone());
        let id = <Option<Uuid> as sea_orm::sea_query::ValueType>::try_from(id);
        match (key, id) {
            (Some(key), Ok(Some(id))) => Ok(CursorPosition { key, id }),
            _ => Err(Error::Internal(DbErr::Type(
                "a list is sorted by a column of an unsupported type".into(),
            ))),
        }
    }

    /// The columns of a position.
    pub(crate) fn columns(&self) -> [E::Column; 2] {
        [id_column::<E>(), self.column]
    }
}

/// The first column of the primary key: of a paginated table, its one UUID column.
pub(crate) fn id_column<E: EntityTrait>() -> E::Column {
    E::PrimaryKey::iter()
        .next()
        .map(PrimaryKeyToColumn::into_column)
        .expect("the derive macro rejects a table without a primary key")
}

impl OrderKey {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Integer(number) => (*number).into(),
            Self::Time(time) => (*time).into(),
        }
    }

    /// A literal: with a parameter, PostgreSQL uses no index on the expression. Both databases store a time in this form.
    fn literal(&self) -> Expr {
        Expr::Constant(match self {
            Self::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, false).into(),
            Self::Text(_) | Self::Integer(_) => self.value(),
        })
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => text.map(|text| Self::Text(text.to_string())),
            Value::SmallInt(number) => number.map(|number| Self::Integer(number.into())),
            Value::Int(number) => number.map(|number| Self::Integer(number.into())),
            Value::BigInt(number) => number.map(Self::Integer),
            Value::ChronoDateTimeUtc(time) => time.map(|time: DateTime<Utc>| Self::Time(time)),
            _ => None,
        }
    }
}

/// The last second that both databases store, and that a cursor can contain.
const LAST_TIME: Timestamp = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(time) => time,
    None => Timestamp::MAX_UTC,
};

/// A request for one page of a list.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// Only rows after this position.
    pub after: Option<CursorPosition>,
    /// Only rows before this position.
    pub before: Option<CursorPosition>,
    /// The maximum number of rows.
    pub limit: u64,
    /// The last `limit` rows of the list rather than the first.
    pub from_end: bool,
}

/// A page of a list, in the list's order.
#[derive(Clone, Debug)]
pub struct Page<M> {
    /// The rows.
    pub rows: Vec<M>,
    /// The position of each row.
    pub positions: Vec<CursorPosition>,
    /// Whether there are rows before these.
    pub has_previous: bool,
    /// Whether there are rows after these.
    pub has_next: bool,
}
