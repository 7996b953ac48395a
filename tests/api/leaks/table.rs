//! A table of owned rows, whichever it is.

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

/// Which rows are written.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    Hers,
    HersAsSeen,
    His,
}

/// An owned table.
pub trait Kept {
    fn name(&self) -> &str;
    /// The type of its rows' global ids.
    fn node(&self) -> Option<&'static str>;
    /// The keys of the rows, where a row has one of its own.
    fn keys(&self, part: Part) -> Vec<Uuid>;
    /// What stands in alice's rows and nowhere in what everyone may see of them: texts, moments, keys.
    fn secrets(&self) -> BTreeSet<String>;
    /// The columns that take text and hold none of hers.
    fn silent_columns(&self) -> Vec<String>;
    fn clear<'a>(&self, database: &'a Database) -> BoxFuture<'a, ()>;
    fn fill<'a>(&self, database: &'a Database, part: Part, owner: &UserId) -> BoxFuture<'a, ()>;
    /// The rows of `owner` as they stand.
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
            Part::Hers => E::hers(),
            Part::HersAsSeen => E::hers_as_seen(),
            Part::His => E::his(),
        }
    }

    fn secrets_of(rows: &[E::ActiveModel], column: E::Column) -> BTreeSet<String> {
        rows.iter().filter_map(|row| secret::<E>(column, row.get(column))).collect()
    }

    /// What of `column` is alice's alone.
    fn hers_alone(column: E::Column) -> BTreeSet<String> {
        let hers = Self::secrets_of(&E::hers(), column);
        &hers - &Self::secrets_of(&E::hers_as_seen(), column)
    }
}

/// The value as it would stand in an answer, if that can be told from others.
fn secret<E: EntityTrait>(column: E::Column, value: ActiveValue<Value>) -> Option<String> {
    match value.into_value()? {
        Value::String(Some(text)) => Some(text.to_string()),
        Value::ChronoDateTimeUtc(Some(moment)) => {
            Some(moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
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

impl<E: Seeded> Kept for Table<E>
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
        E::Column::iter().flat_map(Self::hers_alone).collect()
    }

    fn silent_columns(&self) -> Vec<String> {
        let takes_text = |column: &E::Column| {
            let kind = column.def();
            matches!(kind.get_column_type(), ColumnType::String(_) | ColumnType::Text)
                && column.as_str() != E::OWNER.as_str()
        };
        let silent = E::Column::iter().filter(takes_text).filter(|column| {
            !Self::hers_alone(*column).iter().any(|text| text.starts_with("hers"))
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
        let mut hers = E::find().filter(E::OWNER.eq(owner.clone()));
        for key in E::PrimaryKey::iter() {
            hers = hers.order_by_asc(key.into_column());
        }
        Box::pin(async move {
            let rows = hers.all(database.system(WHY).connection()).await.unwrap();
            rows.iter().map(|row| format!("{row:?}")).collect()
        })
    }
}
