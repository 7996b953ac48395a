//! Query entry points, scoped to the caller.
//!
//! A [`Scope`] is made once per request for its caller. It holds the connection and gives out
//! [`Rows`], never the connection: SeaORM's own finders need one, so an unscoped statement has
//! nothing to run on.
//!
//! | door | opens on |
//! |---|---|
//! | [`Scope::owned`] | rows the caller owns, to change and delete too |
//! | [`Scope::public`] | owned rows that their owners made public |
//! | [`Scope::readable`] | both |
//! | [`Scope::shared`] | published rows of a shared table |
//! | [`Scope::shared_with_own`] | those that a row of the caller's is about |
//! | [`Scope::shared_without_own`] | those that none is about |
//! | [`Scope::all`] | every row of a table, to read: for the holder of a [`Privilege`] |
//! | [`Scope::shared_for_edit`] | every row of a shared table, to change and delete too: for such a holder |
//! | [`Transaction::erase`] | every row of one user, to delete: for such a holder |
//! | [`Database::system`](crate::Database::system) | everything, for the server's own work, with a stated reason |

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait as _, OnConflict, Query, SelectStatement, SimpleExpr,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue, Condition, EntityTrait, Iden as _, IntoActiveModel, Iterable,
    PrimaryKeyToColumn,
};

use crate::bulkhead::Client;
use crate::filter::column;
use crate::owner_filter::OwnerFilter;
use crate::policy::{OwnedEntity, PublicRows, Scoped, SharedEntity};
use crate::quota::Quota;
use crate::relation::Concerns;
use crate::row_security::{Conn, RlsContext};
use crate::rows::{Editable, Owned, ReadOnly, Rows};
use crate::{Error, Filter, Privilege, UserId};

/// What one caller may reach. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    conn: Conn,
    owner: Option<UserId>,
    owning: OwnerFilter,
    quota: Quota,
}

impl Scope {
    pub(crate) fn new(
        conn: Conn,
        owner: Option<UserId>,
        owning: OwnerFilter,
        quota: Quota,
    ) -> Self {
        Self { conn, owner, owning, quota }
    }

    /// The same, whose statements count in the share of `client`.
    #[must_use]
    pub fn counted_for(self, client: Client) -> Self {
        Self { conn: self.conn.counted_for(client), ..self }
    }

    /// Whose scope this is; none for an anonymous caller.
    #[must_use]
    pub fn owner(&self) -> Option<&UserId> {
        self.owner.as_ref()
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    fn signed_in(&self) -> Result<&UserId, Error> {
        self.owner.as_ref().ok_or(Error::Unauthenticated)
    }

    /// What statements for the caller show at the wall.
    fn rls_context(&self) -> RlsContext {
        self.owner.clone().map_or(RlsContext::Nothing, RlsContext::Caller)
    }

    fn rows<E: EntityTrait, P>(&self, pass: RlsContext, condition: Condition) -> Rows<E, P> {
        Rows::new(self.conn.clone(), pass, condition)
    }

    /// The caller's own rows.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn owned<E: OwnedEntity>(&self) -> Result<Rows<E, Owned>, Error> {
        Ok(self.rows(self.rls_context(), self.owning.condition::<E>(self.signed_in()?)))
    }

    /// Rows of whatever owner that are shown to everyone.
    #[must_use]
    pub fn public<E: PublicRows>(&self) -> Rows<E> {
        self.rows(RlsContext::Nothing, E::public().into_condition())
    }

    /// The caller's own rows and the public ones.
    #[must_use]
    pub fn readable<E: PublicRows>(&self) -> Rows<E> {
        let public = E::public().into_condition();
        let condition = match &self.owner {
            Some(owner) => Condition::any().add(self.owning.condition::<E>(owner)).add(public),
            None => public,
        };
        self.rows(self.rls_context(), condition)
    }

    /// The published rows of a shared table.
    #[must_use]
    pub fn shared<E: SharedEntity>(&self) -> Rows<E> {
        self.rows(RlsContext::Nothing, E::published().into_condition())
    }

    /// The published rows of a shared table that a row of the caller's matching `own` is about.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn shared_with_own<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<Rows<E>, Error> {
        Ok(self.shared_where(Expr::exists(self.own_rows_about::<E, O>(own)?)))
    }

    /// The published rows of a shared table that no row of the caller's matching `own` is about.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in.
    pub fn shared_without_own<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<Rows<E>, Error> {
        Ok(self.shared_where(Expr::exists(self.own_rows_about::<E, O>(own)?).not()))
    }

    fn shared_where<E: SharedEntity>(&self, test: SimpleExpr) -> Rows<E> {
        let published = E::published().into_condition();
        self.rows(self.rls_context(), Condition::all().add(published).add(test))
    }

    fn own_rows_about<E: SharedEntity, O: Concerns<E>>(
        &self,
        own: Filter<O>,
    ) -> Result<SelectStatement, Error> {
        let (named_by, names) = O::FOREIGN_KEY;
        let mut rows = Query::select();
        rows.expr(Expr::val(1)).from(O::default());
        rows.and_where(column(named_by).equals((E::default(), names)));
        rows.cond_where(self.owning.condition::<O>(self.signed_in()?));
        rows.cond_where(own.into_condition());
        Ok(rows)
    }

    /// Every row, whosever it is.
    #[must_use]
    pub fn all<E: Scoped>(&self, _proof: Privilege) -> Rows<E> {
        self.rows(RlsContext::Everyones, Condition::all())
    }

    /// Every row of a shared table, published or not.
    #[must_use]
    pub fn shared_for_edit<E: SharedEntity>(&self, _proof: Privilege) -> Rows<E, Editable> {
        self.rows(RlsContext::Nothing, Condition::all())
    }

    /// Whether a row is there and belongs to another user: all that is told of it, for servers set
    /// to say "forbidden" rather than "not found".
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn exists_for_other_owner<E: OwnedEntity>(
        &self,
        row: Filter<E>,
    ) -> Result<bool, Error> {
        let rows = self.rows::<E, ReadOnly>(RlsContext::Everyones, row.into_condition());
        let anothers = match &self.owner {
            Some(owner) => rows.filter(Filter::new(self.owning.condition::<E>(owner).not())),
            None => rows,
        };
        Ok(anothers.count().await? > 0)
    }

    /// That the caller may have one row more. Rows are counted now and then, not each time.
    async fn check_quota<E: OwnedEntity>(&self) -> Result<(), Error> {
        let (owner, table) = (self.signed_in()?, E::default().table_name());
        let Some(most) = self.quota.most() else { return Ok(()) };
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

    /// Writes a row, owned by the caller whatever `row` says.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; [`Error::Full`] when the caller has as many rows as one
    /// may have; else when the database is away or refuses.
    pub async fn insert<E: OwnedEntity>(&self, mut row: E::ActiveModel) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        self.check_quota::<E>().await?;
        E::set_owner(&mut row, ActiveValue::Set(self.signed_in()?.clone()));
        E::derive(&mut row);
        self.conn.insert(&self.rls_context(), E::insert(row)).await
    }

    /// Writes rows, all of them or none, owned by the caller whatever they say. They are parts of a row
    /// that was written by [`insert`](Self::insert), and no quota is asked for them.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; else when the database is away or refuses.
    pub async fn insert_all<E: OwnedEntity>(&self, rows: Vec<E::ActiveModel>) -> Result<(), Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let owner = self.signed_in()?;
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

    /// Writes a row, owned by the caller whatever `row` says; where they have one with the same key,
    /// gives it these `columns` of `row` instead, in the same statement.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when no caller is signed in; when the row with that key is another's; else when the
    /// database is away or refuses.
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

    /// Writes a row, owned by the caller whatever `row` says; where they have one with the same key,
    /// gives it `height` and these `columns` of `row` instead if `height` is more than it has, in the same
    /// statement. Answers the row as it stands then.
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
        E::set_owner(&mut row, ActiveValue::Set(self.signed_in()?.clone()));
        E::derive(&mut row);
        self.conn.insert(&self.rls_context(), E::insert(row).on_conflict(same)).await
    }

    /// Writes a row of a shared table.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] or [`Error::ForeignKeyViolation`] when it does not fit the other rows; else when the database
    /// is away or refuses.
    pub async fn insert_shared<E: SharedEntity>(
        &self,
        _proof: Privilege,
        mut row: E::ActiveModel,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        E::derive(&mut row);
        self.conn.insert(&RlsContext::Nothing, E::insert(row)).await
    }

    /// Writes a row of a shared table in place of the one that is the same in `same`, if there is one,
    /// in one statement. The key of that one stays.
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
        self.conn.insert(&RlsContext::Nothing, E::insert(row).on_conflict(in_place)).await
    }

    /// Opens a transaction for the same caller. Dropped without
    /// [`commit`](Transaction::commit), it leaves nothing behind.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let conn = self.conn.begin(&self.rls_context()).await?;
        Ok(Transaction { scope: Self { conn, ..self.clone() } })
    }
}

/// What an upsert takes for the same row. The owner is part of that: another's row stands in the way, and
/// stays.
fn same_row<E: OwnedEntity>() -> OnConflict {
    let key = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let key = key.filter(|column| column.to_string() != E::OWNER.to_string());
    OnConflict::columns(key.chain([E::OWNER]))
}

/// A scope whose statements happen together or not at all.
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
    /// Makes what was done lasting.
    ///
    /// # Errors
    /// When the database is away, or when rows of this transaction are still held somewhere.
    pub async fn commit(self) -> Result<(), Error> {
        self.scope.conn.commit().await
    }
}
