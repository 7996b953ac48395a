//! Transfers the rows of a guest to the account that they sign in to.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ConnectionTrait as _, DbBackend, Iden as _, Iterable as _, PrimaryKeyToColumn,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::filter::column;
use crate::policy::OwnedEntity;
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{Error, System, UserId, known_user, revocation, seen_session};

/// The rows of one table that were handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The table.
    pub table: &'static str,
    /// How many rows have a new owner.
    pub rows: u64,
    /// The kind of the table's events, if it was added [with events](crate::OwnedTables::with_events).
    pub event_kind: Option<&'static str>,
    /// The ids of the oldest of them, at most 1,000, of a table with events; else none.
    pub ids: Vec<Uuid>,
}

/// The result of handing over the rows of one user to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// By table.
    pub tables: Vec<HandedOver>,
}

/// How many ids of rows that change hands are returned.
const MAX_IDS: u64 = 1000;

impl System<'_> {
    /// Gives every owned row of `from` to `to`, all or none, and stores the `message` that requested it.
    /// Returns what was handed over; none for a message that was received before. Where both have a row
    /// with the same key, that of `to` stays. Quotas do not apply: no row is lost, and `to` creates no
    /// further one until it has fewer than the quota. `from` is not a known user afterwards, and `to` is
    /// known since the earlier of both first visits.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn hand_over(
        &self,
        from: &UserId,
        to: &UserId,
        message: revocation::Model,
    ) -> Result<Option<Handover>, Error> {
        let transaction = self.conn().begin(&RlsContext::Server).await?;
        if !revocation::insert(&transaction, message).await? {
            return Ok(None);
        }
        defer_foreign_keys(&transaction).await?;
        let tables = self.owned_tables().hand_over(&transaction, from, to).await?;
        seen_session::forget_user(&transaction, from).await?;
        known_user::merge(&transaction, from, to).await?;
        transaction.commit().await?;
        Ok(Some(Handover { tables }))
    }
}

/// Hands over the rows of one table, and returns their ids.
pub(crate) async fn hand_over_with_ids<E: OwnedEntity>(
    conn: &Conn,
    from: &UserId,
    to: &UserId,
) -> Result<HandedOver, Error> {
    let mut ids = Vec::new();
    let key = E::PrimaryKey::iter().next().map(PrimaryKeyToColumn::into_column);
    if let Some(key) = key {
        let rows = E::find().select_only().column(key).filter(column(E::OWNER).eq(from.as_str()));
        let rows = rows.order_by_asc(key).limit(MAX_IDS).into_tuple::<Uuid>();
        ids = conn.run(&RlsContext::Server, async |conn| rows.all(conn).await).await?;
    }
    Ok(HandedOver { ids, ..hand_over::<E>(conn, from, to).await? })
}

/// Defers foreign keys to the end of the transaction: until then, parents and children may have different
/// owners.
async fn defer_foreign_keys(conn: &Conn) -> Result<(), Error> {
    conn.run(&RlsContext::Public, async |conn| {
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

/// Changes the owner of every row in one table. If `to` has a row with the same key, that one stays and the
/// other is deleted.
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
    let (table, rows) = (E::default().table_name(), moved.rows_affected);
    Ok(HandedOver { table, rows, event_kind: None, ids: Vec::new() })
}

/// The other columns of a primary key that includes the owner. None if the key does not include the owner:
/// then rows of two owners never conflict.
fn key_within_owner<E: OwnedEntity>() -> Option<Vec<E::Column>> {
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let (owner, rest): (Vec<_>, Vec<_>) =
        key.partition(|column| column.to_string() == E::OWNER.to_string());
    (!owner.is_empty()).then_some(rest)
}
