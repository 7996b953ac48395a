//! A generic table of owned rows.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use hallpass_data::{Database, UserId};
use sea_orm::sea_query::Value;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ColumnTrait as _, ColumnType, EntityTrait, IdenStatic as _,
    Iterable as _, PrimaryKeyToColumn as _, QueryFilter as _, QueryOrder as _,
};
use uuid::Uuid;

use super::seeds::Seeded;

/// The set of rows to write.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Alices,
    AlicesAsPublic,
    Bobs,
}

/// An owned table.
pub trait SeededTable {
    fn name(&self) -> &str;
    /// The type of its rows' global ids.
    fn node(&self) -> Option<&'static str>;
    /// The keys of the rows, if a row has one of its own.
    fn keys(&self, part: Part) -> Vec<Uuid>;
    /// Values of Alice's rows that are not in their public view: texts, timestamps, keys.
    fn secrets(&self) -> BTreeSet<String>;
    /// The text columns without a marker of Alice.
    fn columns_without_marker(&self) -> Vec<String>;
    fn clear<'a>(&self, database: &'a Database) -> BoxFuture<'a, ()>;
    fn fill<'a>(&self, database: &'a Database, part: Part, owner: &UserId) -> BoxFuture<'a, ()>;
    /// The current rows of `owner`.
    fn rows<'a>(&self, database: &'a Database, owner: &UserId) -> BoxFuture<'a, Vec<String>>;
}

const WHY: &str = "tests write and read what no scope would";

pub struct Table<E>(PhantomData<fn() -> E>, String);

impl<E: Seeded> Default for Table<E> {
    fn default() -> Self {
        Self(PhantomData, E::default().table_name().to_owned())
    }
}

impl<E: Seeded> Table<E> {
    fn part(part: Part) -> Vec<E::ActiveModel> {
        match part {
            Part::Alices => E::alices(),
            Part::AlicesAsPublic => E::alices_as_public(),
            Part::Bobs => E::bobs(),
        }
    }

    fn secrets_of(rows: &[E::ActiveModel], column: E::Column) -> BTreeSet<String> {
        rows.iter().filter_map(|row| secret::<E>(column, row.get(column))).collect()
    }

    /// The values of `column` that only Alice's rows have.
    fn alices_only(column: E::Column) -> BTreeSet<String> {
        let alices = Self::secrets_of(&E::alices(), column);
        &alices - &Self::secrets_of(&E::alices_as_public(), column)
    }
}

/// The value as a response would contain it, if it is distinctive.
fn secret<E: EntityTrait>(column: E::Column, value: ActiveValue<Value>) -> Option<String> {
    match value.into_value()? {
        Value::String(Some(text)) => Some(text.to_string()),
        Value::ChronoDateTimeUtc(Some(timestamp)) => {
            Some(timestamp.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
        }
        Value::Uuid(Some(key)) if is_key::<E>(column) => Some(key.simple().to_string()),
        _ => None,
    }
}

/// Whether `column` alone is the key.
fn is_key<E: EntityTrait>(column: E::Column) -> bool {
    let mut keys = E::PrimaryKey::iter().map(|key| key.into_column());
    keys.next().is_some_and(|key| key.as_str() == column.as_str()) && keys.next().is_none()
}

impl<E: Seeded> SeededTable for Table<E>
where
    E::ActiveModel: Send,
    E::Model: std::fmt::Debug + Sync,
{
    fn name(&self) -> &str {
        &self.1
    }

    fn node(&self) -> Option<&'static str> {
        E::NODE
    }

    fn keys(&self, part: Part) -> Vec<Uuid> {
        let Some(key) = E::Column::iter().find(|column| is_key::<E>(*column)) else {
            return Vec::new();
        };
        let values = Self::part(part).into_iter().filter_map(|row| row.get(key).into_value());
        values.filter_map(|value| if let Value::Uuid(key) = value { key } else { None }).collect()
    }

    fn secrets(&self) -> BTreeSet<String> {
        E::Column::iter().flat_map(Self::alices_only).collect()
    }

    fn columns_without_marker(&self) -> Vec<String> {
        let takes_text = |column: &E::Column| {
            let kind = column.def();
            matches!(kind.get_column_type(), ColumnType::String(_) | ColumnType::Text)
                && column.as_str() != E::OWNER.as_str()
        };
        let silent = E::Column::iter().filter(takes_text).filter(|column| {
            !Self::alices_only(*column).iter().any(|text| text.starts_with("hers"))
        });
        silent.map(|column| column.as_str().to_owned()).collect()
    }

    fn clear<'a>(&self, database: &'a Database) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            E::delete_many().exec(database.system(WHY).connection()).await.unwrap();
        })
    }

    fn fill<'a>(&self, database: &'a Database, part: Part, owner: &UserId) -> BoxFuture<'a, ()> {
        let mut rows = Self::part(part);
        for row in &mut rows {
            E::set_owner(row, ActiveValue::Set(owner.clone()));
        }
        Box::pin(async move {
            if !rows.is_empty() {
                database.system(WHY).insert_all::<E>(rows).await.unwrap();
            }
        })
    }

    fn rows<'a>(&self, database: &'a Database, owner: &UserId) -> BoxFuture<'a, Vec<String>> {
        let mut alices = E::find().filter(E::OWNER.eq(owner.clone()));
        for key in E::PrimaryKey::iter() {
            alices = alices.order_by_asc(key.into_column());
        }
        Box::pin(async move {
            let rows = alices.all(database.system(WHY).connection()).await.unwrap();
            rows.iter().map(|row| format!("{row:?}")).collect()
        })
    }
}
