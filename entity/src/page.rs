//! Keyset pages: a page starts after a row, not after a number of rows, so rows that come or go
//! between two pages neither repeat nor hide others.

use chrono::{DateTime, Datelike as _, Utc};
use sea_orm::sea_query::{Expr, Func, SimpleExpr, Value};
use sea_orm::{
    ColumnTrait as _, ColumnType, EntityTrait, Iterable, ModelTrait, PrimaryKeyToColumn,
};
use uuid::Uuid;

use crate::filter::column;
use crate::{Error, Timestamp};

/// The value by which a row is sorted.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderKey {
    /// A text column.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A moment.
    Time(Timestamp),
}

/// Where a row stands in an [`Order`]: its sort value, then its id.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorPosition {
    /// The sort value.
    pub key: OrderKey,
    /// The row's id, which breaks ties.
    pub id: Uuid,
}

/// The order of a list.
pub struct Order<E: EntityTrait> {
    column: E::Column,
    absent: Option<OrderKey>,
    descending: bool,
}

impl<E: EntityTrait> Clone for Order<E> {
    fn clone(&self) -> Self {
        Self { column: self.column, absent: self.absent.clone(), descending: self.descending }
    }
}

impl<E: EntityTrait> Order<E> {
    /// By `column`, smallest first unless `descending`.
    #[must_use]
    pub fn by(column: E::Column, descending: bool) -> Self {
        Self { column, absent: None, descending }
    }

    /// Sorts rows without a value as if they had `key`.
    #[must_use]
    pub fn nulls_as(mut self, key: OrderKey) -> Self {
        self.absent = Some(key);
        self
    }

    /// Whether a position with this key can stand in this order: a key of another type than the
    /// column's would reach the database as nonsense.
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

    pub(crate) fn is_descending(&self) -> bool {
        self.descending
    }

    pub(crate) fn expression(&self) -> SimpleExpr {
        match &self.absent {
            Some(key) => Expr::expr(Func::coalesce([column(self.column), Expr::val(key.value())])),
            None => column(self.column),
        }
    }

    pub(crate) fn position(&self, row: &E::Model) -> Result<CursorPosition, Error>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        let key = OrderKey::from_value(row.get(self.column)).or_else(|| self.absent.clone());
        let id =
            <Option<Uuid> as sea_orm::sea_query::ValueType>::try_from(row.get(id_column::<E>()));
        match (key, id) {
            (Some(key), Ok(Some(id))) => Ok(CursorPosition { key, id }),
            _ => Err(Error::Internal(sea_orm::DbErr::Type(
                "a list is sorted by a column that makes no key".into(),
            ))),
        }
    }
}

/// The first column of the table's key: of a table that is paged, its one UUID column.
pub(crate) fn id_column<E: EntityTrait>() -> E::Column {
    E::PrimaryKey::iter()
        .next()
        .map(PrimaryKeyToColumn::into_column)
        .expect("the derive macro refuses a table without a primary key")
}

impl OrderKey {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Integer(number) => (*number).into(),
            Self::Time(time) => (*time).into(),
        }
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

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// Only rows behind this position.
    pub after: Option<CursorPosition>,
    /// Only rows ahead of this position.
    pub before: Option<CursorPosition>,
    /// At most so many rows.
    pub limit: u64,
    /// The last `limit` rows of the list rather than the first.
    pub from_end: bool,
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug)]
pub struct Page<M> {
    /// The rows, each with its position.
    pub rows: Vec<(CursorPosition, M)>,
    /// Whether rows stand ahead of these.
    pub has_previous: bool,
    /// Whether rows stand behind these.
    pub has_next: bool,
}
