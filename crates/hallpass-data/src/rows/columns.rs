//! The columns of a table in statements, as SeaORM selects them: it takes longer to build this text than the rest of a
//! statement.

use std::any::TypeId;
use std::mem::discriminant;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sea_orm::{DbBackend, EntityTrait, Iterable, QuerySelect as _, QueryTrait as _};

use crate::{KeyMap, SearchText};

/// The texts of the columns of one table.
struct Texts {
    /// Of each column that is read, in the order of the model.
    each: Vec<String>,
    all: Arc<str>,
}

/// By table, and whether the database is PostgreSQL.
type ByTable = KeyMap<(TypeId, bool), Arc<Texts>>;

/// The columns of the model of `E`.
pub(super) fn all<E: EntityTrait>(backend: DbBackend) -> Arc<str> {
    Arc::clone(&texts::<E>(backend).all)
}

/// Those columns of the model of `E` that are among `some`, in the order of the model, and their text.
pub(super) fn among<'a, E: EntityTrait>(
    backend: DbBackend,
    some: impl Iterator<Item = &'a E::Column> + Clone,
) -> (Vec<E::Column>, String)
where
    E::Column: 'a,
{
    let texts = texts::<E>(backend);
    let is_read = |(column, _): &(E::Column, _)| {
        some.clone().any(|other| discriminant(other) == discriminant(column))
    };
    let read = read::<E>().zip(&texts.each).filter(is_read);
    let (columns, names): (Vec<_>, Vec<_>) = read.map(|(it, text)| (it, text.as_str())).unzip();
    (columns, names.join(", "))
}

/// A column for search is not read.
fn read<E: EntityTrait>() -> impl Iterator<Item = E::Column> {
    E::Column::iter().filter(|column| !SearchText::is_in(column))
}

fn texts<E: EntityTrait>(backend: DbBackend) -> Arc<Texts> {
    static TEXTS: LazyLock<RwLock<ByTable>> = LazyLock::new(RwLock::default);
    let key = (TypeId::of::<E>(), matches!(backend, DbBackend::Postgres));
    if let Some(texts) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(texts);
    }
    let text = |column| {
        let sql = E::find().select_only().column(column).build(backend).sql;
        let column = sql.strip_prefix("SELECT ").and_then(|sql| sql.rsplit_once(" FROM "));
        column.expect("a statement of a column of a table").0.to_owned()
    };
    let each: Vec<_> = read::<E>().map(text).collect();
    let texts = Arc::new(Texts { all: each.join(", ").into(), each });
    TEXTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&texts));
    texts
}
