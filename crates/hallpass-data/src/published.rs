//! The condition of the published rows of a shared table, kept as SQL.
//!
//! It is part of every statement on the table, and often has sub-queries: the library copies them several times before
//! it writes them.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{Condition, DbBackend};

use crate::policy::SharedEntity;

/// By table, and whether the database is PostgreSQL. None for a condition with parameters.
type Texts = HashMap<(TypeId, bool), Option<Arc<str>>>;

static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

/// The condition of the published rows of `E`.
pub(crate) fn published<E: SharedEntity>(backend: DbBackend) -> Condition {
    match text_of::<E>(backend) {
        Some(text) => Condition::all().add(Expr::cust(text.to_string())),
        None => E::published().into_condition(),
    }
}

fn text_of<E: SharedEntity>(backend: DbBackend) -> Option<Arc<str>> {
    let key = (TypeId::of::<E>(), matches!(backend, DbBackend::Postgres));
    if let Some(text) = TEXTS.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return text.clone();
    }
    let text = written::<E>(backend);
    TEXTS.write().unwrap_or_else(PoisonError::into_inner).insert(key, text.clone());
    text
}

/// As the library writes it, in parentheses.
fn written<E: SharedEntity>(backend: DbBackend) -> Option<Arc<str>> {
    let mut select = Query::select();
    select.expr(Expr::Constant(1.into())).from(E::default().table_ref());
    let statement = backend.build(select.cond_where(E::published().into_condition()));
    let is_constant = statement.values.is_none_or(|values| values.0.is_empty());
    let (_, condition) = statement.sql.split_once(" WHERE ").filter(|_| is_constant)?;
    Some(format!("({condition})").into())
}
