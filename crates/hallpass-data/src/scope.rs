//! Query entry points, scoped to the caller.
//!
//! A [`Scope`] is created once per request for its caller. It holds the connection and returns
//! [`Rows`], never the connection: SeaORM's own finders need one, so an unscoped statement
//! cannot run.
//!
//! | entry point | gives access to |
//! |---|---|
//! | [`Scope::owned`] | rows that the caller owns, read and write |
//! | [`Scope::tenant`] | rows of the caller's tenant, read and write |
//! | [`Scope::public`] | owned rows that their owners made public |
//! | [`Scope::readable`] | both |
//! | [`Scope::shared`] | published rows of a shared table |
//! | [`Scope::shared_with_own`] | those that a row of the caller refers to |
//! | [`Scope::shared_without_own`] | those that no row of the caller refers to |
//! | [`Scope::all`] | every row of a table, read-only; requires a [`Privilege`] |
//! | [`Scope::shared_for_edit`] | every row of a shared table, read and write; requires a [`Privilege`] |
//! | [`Transaction::erase`] | every row of one user, to delete; requires a [`Privilege`] |
//! | [`Database::system`](crate::Database::system) | everything, for the server's own work, with a stated reason |

use std::sync::Arc;

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait as _, OnConflict, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue, Condition, Iden as _, IntoActiveModel, Iterable,
    PrimaryKeyToColumn,
};

use crate::bulkhead::Client;
use crate::filter::column;
use crate::metrics::DatabaseTime;
use crate::owner_filter::OwnerFilter;
use crate::policy::{OwnedEntity, PublicRows, Scoped, SharedEntity};
use crate::published::published;
use crate::quota::Quota;
use crate::relation::{ChildOf, Concerns, children};
use crate::rls_context::RlsContext;
use crate::row_security::Conn;
use crate::rows::{Editable, Owned, ReadOnly, Rows};
use crate::{
    Comparison, Error, Filter, KeyMap, OwnedTables, Privilege, TenantId, UserId, known_user,
};

/// The rows that one caller may access. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    conn: Conn,
    owner: Option<UserId>,
    tenant: Option<Arc<TenantId>>,
    owner_filter: OwnerFilter,
    quota: Quota,
    owned_tables: OwnedTables,
}

impl Scope {
    pub(crate) fn new(
        conn: Conn,
        owner: Option<UserId>,
        owner_filter: OwnerFilter,
        quota: Quota,
        owned_tables: OwnedTables,
    ) -> Self {
        Self { conn, owner, tenant: None, owner_filter, quota, owned_tables }
    }

    /// The same, with connections from the share of `client`, and `time` in the database.
    #[must_use]
    pub fn counted_for(self, client: Client, time: DatabaseTime) -> Self {
        Self { conn: self.conn.counted_for(client, time), ..self }
    }

    /// The caller; none for an anonymous one.
    #[must_use]
    pub fn owner(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    /// The caller's tenant; none if no claim of the caller names one.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&TenantId> {
        self.tenant.as_deref()
    }

    pub(crate) fn with_tenant(self, tenant: Option<TenantId>) -> Self {
        Self { tenant: tenant.map(Arc::new), ..self }
    }

    pub(crate) fn owner_filter(&self) -> OwnerFilter {
        self.owner_filter
    }

    pub(crate) fn owned_tables(&self) -> &OwnedTables {
        &self.owned_tables
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    fn require_owner(&self) -> Result<&UserId, Error> {
        self.owner.as_ref().ok_or(Error::Unauthenticated)
    }

    /// The row-level security context of the caller.
    fn rls_context(&self) -> RlsContext {
        self.owner.clone().map_or(RlsContext::Public, RlsContext::Caller)
    }

    fn rows<E: Scoped, P>(&self, context: RlsContext, condition: Condition) -> Rows<E, P> {
        Rows::new(self.conn.clone(), context, condition)
    }

    /// The caller's own rows.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn owned<E: OwnedEntity>(&self) -> Result<Rows<E, Owned>, Error> {
        Ok(self.rows(self.rls_context(), self.owner_filter.condition::<E>(self.require_owner()?)))
    }

    /// Public rows of all owners.
    #[must_use]
    pub fn public<E: PublicRows>(&self) -> Rows<E> {
        self.rows(RlsContext::Public, E::public().into_condition())
    }

    /// The caller's own rows and the public ones.
    #[must_use]
    pub fn readable<E: PublicRows>(&self) -> Rows<E> {
        let public = E::public().into_condition();
        let condition = match &self.owner {
            Some(owner) => {
                Condition::any().add(self.owner_filter.condition::<E>(owner)).add(public)
            }
            None => public,
        };
        self.rows(self.rls_context(), condition)
    }

    /// The published rows of a shared table.
    #[must_use]
    pub fn shared<E: SharedEntity>(&self) -> Rows<E> {
        self.rows(RlsContext::Public, published::<E>(self.conn.backend())).cached()
    }

    /// The published rows of a shared table that a row of the caller that matches `own` refers to.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn shared_with_own<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<Rows<E>, Error> {
        Ok(self.shared_where(Expr::exists(self.own_rows_referring_to::<E, O>(own)?)))
    }

    /// The published rows of a shared table that no row of the caller that matches `own` refers to.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn shared_without_own<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<Rows<E>, Error> {
        Ok(self.shared_where(Expr::exists(self.own_rows_referring_to::<E, O>(own)?).not()))
    }

    /// Those of `rows` that a row of the caller that matches `own` refers to; or with `refers` false, the others.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn referred<E: SharedEntity, O: Concerns<E>>(
        &self,
        rows: Rows<E>,
        own: Filter<O>,
        refers: bool,
    ) -> Result<Rows<E>, Error> {
        let test = Expr::exists(self.own_rows_referring_to::<E, O>(own)?);
        let test = if refers { test } else { test.not() };
        Ok(rows.concerning(self.rls_context(), Condition::all().add(test)))
    }

    /// Those of `rows` with a child row that a row of the caller that matches `own` refers to; or with `refers` false, the
    /// others.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn with_referred_child<E: SharedEntity, C: SharedEntity + ChildOf<E>, O: Concerns<C>>(
        &self,
        rows: Rows<E>,
        own: Filter<O>,
        refers: bool,
    ) -> Result<Rows<E>, Error> {
        let referred = Expr::exists(self.own_rows_referring_to::<C, O>(own)?);
        let test = Expr::exists(children::<E, C>(Filter::new(Condition::all().add(referred))));
        let test = if refers { test } else { test.not() };
        Ok(rows.concerning(self.rls_context(), Condition::all().add(test)))
    }

    fn shared_where<E: SharedEntity>(&self, test: SimpleExpr) -> Rows<E> {
        let published = published::<E>(self.conn.backend());
        self.rows(self.rls_context(), Condition::all().add(published).add(test))
    }

    fn own_rows_referring_to<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<SelectStatement, Error> {
        let (named_by, names) = O::FOREIGN_KEY;
        let mut rows = Query::select();
        rows.expr(Expr::Constant(1.into())).from(O::default());
        rows.and_where(column(named_by).equals((E::default(), names)));
        rows.cond_where(self.owner_filter.condition::<O>(self.require_owner()?));
        rows.cond_where(own.into_condition());
        Ok(rows)
    }

    /// Every row, of all owners.
    #[must_use]
    pub fn all<E: Scoped>(&self, _proof: Privilege) -> Rows<E> {
        self.rows(RlsContext::AllRows, Condition::all())
    }

    /// Every row of a shared table, published or not.
    #[must_use]
    pub fn shared_for_edit<E: SharedEntity>(&self, _proof: Privilege) -> Rows<E, Editable> {
        self.rows(RlsContext::Public, Condition::all())
    }

    /// Whether a row exists and belongs to another user, for servers that are configured to return
    /// "forbidden" rather than "not found". Nothing else of the row is disclosed.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn exists_for_other_owner<E: OwnedEntity>(
        &self,
        row: Filter<E>,
    ) -> Result<bool, Error> {
        let rows = self.rows::<E, ReadOnly>(RlsContext::AllRows, row.into_condition());
        let others = match &self.owner {
            Some(owner) => rows.filter(Filter::new(self.owner_filter.condition::<E>(owner).not())),
            None => rows,
        };
        Ok(others.count().await? > 0)
    }

    /// The display names of users who are known, for rows of theirs that the caller may read. Nothing else of the users
    /// is disclosed.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn display_names(&self, users: &[UserId]) -> Result<KeyMap<UserId, String>, Error> {
        use known_user::Column::{Name, UserId as Id};
        let these = Id.one_of(users.iter().cloned()).and(Comparison::is_not_null(Name));
        let rows =
            self.rows::<known_user::Entity, ReadOnly>(RlsContext::AllRows, these.into_condition());
        Ok(rows.columns::<(UserId, String)>([Id, Name]).await?.into_iter().collect())
    }

    /// Checks the caller's quota for one more row. Rows are counted only when the reserve is used up.
    async fn check_quota<E: OwnedEntity>(&self) -> Result<(), Error> {
        let (owner, table) = (self.require_owner()?, E::default().table_name());
        let Some(most) = self.quota.limit() else { return Ok(()) };
        if self.quota.take(owner, table) {
            return Ok(());
        }
        let there = u64::try_from(self.owned::<E>()?.count().await?).unwrap_or(0);
        match most.saturating_sub(there) {
            0 => Err(Error::Full { table, most }),
            left => {
                self.quota.counted(owner, table, left - 1);
                Ok(())
            }
        }
    }

    /// Inserts a row, owned by the caller even if `row` names another owner.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; [`Error::Full`] when the caller's quota is used
    /// up; else when the database is unavailable or rejects the statement.
    pub async fn insert<E: OwnedEntity>(&self, mut row: E::ActiveModel) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        self.check_quota::<E>().await?;
        E::set_owner(&mut row, ActiveValue::Set(self.require_owner()?.clone()));
        E::derive(&mut row);
        self.conn.insert::<E>(&self.rls_context(), E::insert(row)).await
    }

    /// Inserts rows, all or none, owned by the caller. They are parts of a row that was written by
    /// [`insert`](Self::insert), and no quota applies to them.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; else when the database is unavailable or rejects
    /// the statement.
    pub async fn insert_all<E: OwnedEntity>(&self, rows: Vec<E::ActiveModel>) -> Result<(), Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let owner = self.require_owner()?;
        let rows = rows.into_iter().map(|mut row| {
            E::set_owner(&mut row, ActiveValue::Set(owner.clone()));
            E::derive(&mut row);
            row
        });
        let insert = E::insert_many(rows);
        self.conn
            .run(&self.rls_context(), async |conn| insert.exec_without_returning(conn).await)
            .await?;
        Ok(())
    }

    /// Inserts a row, owned by the caller; if they have one with the same key, updates these `columns` of it
    /// instead, in the same statement.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; when the row with that key is another user's; else
    /// when the database is unavailable or rejects the statement.
    pub async fn upsert<E: OwnedEntity>(
        &self,
        row: E::ActiveModel,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let mut same = same_row::<E>();
        same.update_columns(columns);
        self.write::<E>(row, same).await
    }

    /// Inserts a row, owned by the caller; if they have one with the same key, updates `height` and these
    /// `columns` of it instead if `height` is higher than before, in the same statement. Returns the
    /// resulting row.
    ///
    /// # Errors
    /// As [`upsert`](Self::upsert).
    pub async fn upsert_higher<E: OwnedEntity>(
        &self,
        row: E::ActiveModel,
        height: E::Column,
        columns: impl IntoIterator<Item = E::Column>,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let mut same = same_row::<E>();
        let new = |column: E::Column| Expr::col((Alias::new("excluded"), column));
        for changed in std::iter::once(height).chain(columns) {
            let higher = Expr::case(new(height).gt(column(height)), new(changed));
            same.value(changed, higher.finally(column(changed)));
        }
        self.write::<E>(row, same).await
    }

    async fn write<E: OwnedEntity>(
        &self,
        mut row: E::ActiveModel,
        same: OnConflict,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        E::set_owner(&mut row, ActiveValue::Set(self.require_owner()?.clone()));
        E::derive(&mut row);
        self.conn.insert::<E>(&self.rls_context(), E::insert(row).on_conflict(same)).await
    }

    /// Inserts a row of a shared table.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] or [`Error::ForeignKeyViolation`] when it conflicts with other rows; else when
    /// the database is unavailable or rejects the statement.
    pub async fn insert_shared<E: SharedEntity>(
        &self,
        _proof: Privilege,
        mut row: E::ActiveModel,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        E::derive(&mut row);
        self.conn.insert_shared::<E>(E::insert(row)).await
    }

    /// Inserts a row of a shared table, or replaces the one that is equal in the columns `same`, in one
    /// statement. The key of the replaced row stays.
    ///
    /// # Errors
    /// As [`insert_shared`](Self::insert_shared).
    pub async fn upsert_shared<E: SharedEntity>(
        &self,
        _proof: Privilege,
        mut row: E::ActiveModel,
        same: &[E::Column],
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        E::derive(&mut row);
        let mut new = row.clone();
        let keys = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        for column in keys.chain(same.iter().copied()) {
            new.not_set(column);
        }
        let new = E::Column::iter().filter(|column| new.get(*column).is_set());
        let in_place = OnConflict::columns(same.iter().copied()).update_columns(new).to_owned();
        self.conn.insert_shared::<E>(E::insert(row).on_conflict(in_place)).await
    }

    /// Begins a transaction for the same caller. Dropped without
    /// [`commit`](Transaction::commit), it is rolled back.
    ///
    /// ```
    /// use hallpass_data::policy::OwnedEntity;
    /// use hallpass_data::{Error, Filter, Scope};
    ///
    /// /// Deletes rows of the caller in two tables, all or none.
    /// async fn delete<E: OwnedEntity, F: OwnedEntity>(
    ///     scope: &Scope,
    ///     rows: Filter<E>,
    ///     children: Filter<F>,
    /// ) -> Result<(), Error> {
    ///     let transaction = scope.begin().await?;
    ///     transaction.owned::<F>()?.filter(children).delete().await?;
    ///     transaction.owned::<E>()?.filter(rows).delete().await?;
    ///     transaction.commit().await
    /// }
    /// ```
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let conn = self.conn.begin(&self.rls_context()).await?;
        Ok(Transaction { scope: Self { conn, ..self.clone() } })
    }
}

/// The conflict target of an upsert. The owner is part of it: a row of another owner is a conflict, and is
/// not changed.
fn same_row<E: OwnedEntity>() -> OnConflict {
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let key = key.filter(|column| column.to_string() != E::OWNER.to_string());
    OnConflict::columns(key.chain([E::OWNER]))
}

/// A scope within a transaction.
pub struct Transaction {
    scope: Scope,
}

impl std::ops::Deref for Transaction {
    type Target = Scope;

    fn deref(&self) -> &Scope {
        &self.scope
    }
}

impl Transaction {
    /// Commits the transaction.
    ///
    /// # Errors
    /// When the database is unavailable, or when rows of this transaction are still held. On SQLite, if its log cannot be
    /// synced, the transaction may be stored nevertheless.
    pub async fn commit(self) -> Result<(), Error> {
        self.scope.conn.commit().await
    }
}
