//! Transfers the rows of a guest to the account that they sign in to.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ConnectionTrait as _, DbBackend, EntityTrait as _, Iden as _, Iterable as _,
    PrimaryKeyToColumn, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::filter::column;
use crate::policy::OwnedEntity;
use crate::row_security::{Conn, RlsContext};
use crate::{Error, TaskId, UserId, task};

/// What one table handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The table.
    pub table: &'static str,
    /// How many rows have another owner now.
    pub rows: u64,
}

/// What one user handed over to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// By table.
    pub tables: Vec<HandedOver>,
    /// The tasks among it, at most as many as listeners are told of.
    pub tasks: Vec<TaskId>,
}

/// How many tasks that change hands listeners are told of.
const TOLD: u64 = 1000;

/// The tasks of a user, the oldest first, as far as listeners are told of them.
pub(crate) async fn tasks_of(conn: &Conn, owner: &UserId) -> Result<Vec<TaskId>, Error> {
    let ids = task::Entity::find().select_only().column(task::Column::Id);
    let ids = ids.filter(column(task::Entity::OWNER).eq(owner.as_str()));
    let ids = ids.order_by_asc(task::Column::Id).limit(TOLD).into_tuple::<TaskId>();
    conn.run(&RlsContext::Server, async |conn| ids.all(conn).await).await
}

/// Until the end of the transaction, rows and those that refer to them need not agree on their owner.
pub(crate) async fn defer_ties(conn: &Conn) -> Result<(), Error> {
    conn.run(&RlsContext::Nothing, async |conn| {
        let is_postgres = conn.get_database_backend() == DbBackend::Postgres;
        let defer = if is_postgres {
            "SET CONSTRAINTS ALL DEFERRED"
        } else {
            "PRAGMA defer_foreign_keys = ON"
        };
        conn.execute_unprepared(defer).await
    })
    .await?;
    Ok(())
}

/// Gives every row of `from` in one table to `to`. Where `to` has a row with the same key, that one stays and
/// the other is deleted.
pub(crate) async fn hand_over<E: OwnedEntity>(
    conn: &Conn,
    from: &UserId,
    to: &UserId,
) -> Result<HandedOver, Error> {
    if let Some(key) = key_within_owner::<E>() {
        let mut known = Query::select();
        known.from(E::default().table_ref()).and_where(column(E::OWNER).eq(to.as_str()));
        let is_known = match key.as_slice() {
            [] => Expr::exists(known.expr(Expr::val(1)).take()),
            key => Expr::tuple(key.iter().map(|part| column(*part)))
                .in_subquery(known.exprs(key.iter().map(|part| column(*part))).take()),
        };
        let twice = E::delete_many().filter(column(E::OWNER).eq(from.as_str())).filter(is_known);
        conn.run(&RlsContext::Server, async |conn| twice.exec(conn).await).await?;
    }
    let moved = E::update_many().col_expr(E::OWNER, Expr::val(to.as_str()));
    let moved = moved.filter(column(E::OWNER).eq(from.as_str()));
    let moved = conn.run(&RlsContext::Server, async |conn| moved.exec(conn).await).await?;
    Ok(HandedOver { table: E::default().table_name(), rows: moved.rows_affected })
}

/// The other columns of a key that the owner is part of. None where the owner is no part of the key: then two
/// owners' rows are never in each other's way.
fn key_within_owner<E: OwnedEntity>() -> Option<Vec<E::Column>> {
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let (owner, rest): (Vec<_>, Vec<_>) =
        key.partition(|column| column.to_string() == E::OWNER.to_string());
    (!owner.is_empty()).then_some(rest)
}
