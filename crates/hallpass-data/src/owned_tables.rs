//! The registry of tables whose rows have an owner or a tenant, for erasure, handover and row-level security.

use std::pin::Pin;
use std::sync::Arc;

use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{EntityName as _, EntityTrait, QueryFilter as _};

use crate::filter::column;
use crate::handover;
use crate::policy::{OwnedEntity, TenantEntity};
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::{
    Error, HandedOver, Privilege, Transaction, UserId, idempotency_key, known_user, seen_session,
};

/// The rows deleted from one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedRows {
    /// The table.
    pub table: &'static str,
    /// How many rows.
    pub rows: u64,
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

#[derive(Clone, Copy)]
struct OwnedTable {
    name: &'static str,
    event_kind: Option<&'static str>,
    erase: for<'a> fn(&'a Conn, &'a str) -> Pending<'a, DeletedRows>,
    hand_over: for<'a> fn(&'a Conn, &'a UserId, &'a UserId) -> Pending<'a, HandedOver>,
    #[cfg(feature = "testing")]
    row_access: crate::testing::RowAccess,
}

/// A table whose rows have a tenant: they are neither erased nor handed over.
#[derive(Clone, Copy)]
struct TenantTable {
    name: &'static str,
    #[cfg(feature = "testing")]
    row_access: crate::testing::RowAccess,
}

/// The tables whose rows have an owner: the core's own, and those that an application adds; and the tables whose rows
/// have a tenant. A test of the application compares the list with the tables of the database. Cheap to clone.
#[derive(Clone)]
pub struct OwnedTables {
    owned: Arc<Vec<OwnedTable>>,
    tenants: Arc<Vec<TenantTable>>,
}

impl Default for OwnedTables {
    fn default() -> Self {
        Self::core()
    }
}

impl OwnedTables {
    /// The core's own tables.
    #[must_use]
    pub fn core() -> Self {
        Self::none().with::<idempotency_key::Entity>()
    }

    /// No tables.
    #[must_use]
    pub fn none() -> Self {
        Self { owned: Arc::default(), tenants: Arc::default() }
    }

    /// Adds a table. Children are added before their parents.
    #[must_use]
    pub fn with<E: OwnedEntity>(self) -> Self {
        self.add::<E>(None, |conn, from, to| Box::pin(handover::hand_over::<E>(conn, from, to)))
    }

    /// Adds a table with ids of type UUID, whose events have this kind: a [`Handover`](crate::Handover) returns the
    /// ids.
    #[must_use]
    pub fn with_events<E: OwnedEntity>(self, kind: &'static str) -> Self {
        self.add::<E>(Some(kind), |conn, from, to| {
            Box::pin(handover::hand_over_with_ids::<E>(conn, from, to))
        })
    }

    /// Adds the `more` tables after these.
    #[must_use]
    pub fn and(mut self, more: &Self) -> Self {
        Arc::make_mut(&mut self.owned).extend(more.owned.iter().copied());
        Arc::make_mut(&mut self.tenants).extend(more.tenants.iter().copied());
        self
    }

    /// Adds a table whose rows have a tenant. Children are added before their parents.
    #[must_use]
    pub fn with_tenant<E: TenantEntity>(mut self) -> Self {
        Arc::make_mut(&mut self.tenants).push(TenantTable {
            name: E::default().table_name(),
            #[cfg(feature = "testing")]
            row_access: crate::testing::RowAccess::of_tenant::<E>(),
        });
        self
    }

    fn add<E: OwnedEntity>(
        mut self,
        event_kind: Option<&'static str>,
        hand_over: for<'a> fn(&'a Conn, &'a UserId, &'a UserId) -> Pending<'a, HandedOver>,
    ) -> Self {
        Arc::make_mut(&mut self.owned).push(OwnedTable {
            name: E::default().table_name(),
            event_kind,
            erase: |conn, user| Box::pin(erase_from::<E>(conn, E::OWNER, user)),
            hand_over,
            #[cfg(feature = "testing")]
            row_access: crate::testing::RowAccess::of::<E>(),
        });
        self
    }

    /// The names of the tables whose rows have an owner.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.owned.iter().map(|table| table.name).collect()
    }

    /// The names of the tables whose rows have a tenant.
    #[must_use]
    pub fn tenant_names(&self) -> Vec<&'static str> {
        self.tenants.iter().map(|table| table.name).collect()
    }

    /// The names of the server's own tables with rows about a user, which an erasure deletes too.
    #[must_use]
    pub fn tables_about_users() -> Vec<&'static str> {
        vec![seen_session::Entity.table_name(), known_user::Entity.table_name()]
    }

    /// The names of the tables, and access to them: those of owners, then those of tenants.
    #[cfg(feature = "testing")]
    pub(crate) fn row_access(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&'static str, crate::testing::RowAccess)> {
        let owned = self.owned.iter().map(|table| (table.name, table.row_access));
        owned.chain(self.tenants.iter().map(|table| (table.name, table.row_access)))
    }

    pub(crate) async fn hand_over(
        &self,
        conn: &Conn,
        from: &UserId,
        to: &UserId,
    ) -> Result<Vec<HandedOver>, Error> {
        let mut moved = Vec::with_capacity(self.owned.len());
        for table in self.owned.iter() {
            let rows = (table.hand_over)(conn, from, to).await?;
            moved.push(HandedOver { event_kind: table.event_kind, ..rows });
        }
        Ok(moved)
    }
}

impl Transaction {
    /// Deletes every row that the user with this id owns, and returns how many each table had: 0 for an unknown
    /// user. Durable once [committed](Transaction::commit). Rows of tenants have no owner, and stay.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn erase(&self, user: &str, _proof: Privilege) -> Result<Vec<DeletedRows>, Error> {
        let (conn, mut deleted) = (self.conn(), Vec::new());
        for table in self.owned_tables().owned.iter() {
            deleted.push((table.erase)(conn, user).await?);
        }
        let sessions = seen_session::Column::UserId;
        deleted.push(erase_from::<seen_session::Entity>(conn, sessions, user).await?);
        let known = known_user::Column::UserId;
        deleted.push(erase_from::<known_user::Entity>(conn, known, user).await?);
        Ok(deleted)
    }
}

async fn erase_from<E: EntityTrait>(
    conn: &Conn,
    owner: E::Column,
    user: &str,
) -> Result<DeletedRows, Error> {
    let rows = E::delete_many().filter(column(owner).eq(user));
    let deleted = conn.run(&RlsContext::Server, async |conn| rows.exec(conn).await).await?;
    Ok(DeletedRows { table: E::default().table_name(), rows: deleted.rows_affected })
}
