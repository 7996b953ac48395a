//! Rows of the caller's tenant: an organization, which a verified claim of the caller names.
//!
//! The statements always have the condition `tenant_id = …`. Rows of tenants have no owner: they are neither erased
//! with a user nor handed over with a guest's rows, and no quota applies to them.

use sea_orm::{ActiveValue, IntoActiveModel};

use crate::policy::TenantEntity;
use crate::rls_context::RlsContext;
use crate::rows::{OfTenant, Rows, Update};
use crate::trusted::TenantScope;
use crate::{Error, Scope, TenantId};

impl TenantScope for Scope {
    fn of_tenant(self, tenant: Option<TenantId>) -> Self {
        self.with_tenant(tenant)
    }
}

impl Scope {
    fn require_tenant(&self) -> Result<&TenantId, Error> {
        self.tenant_id().ok_or(Error::NoTenant)
    }

    fn tenant_context(&self) -> Result<RlsContext, Error> {
        Ok(RlsContext::Tenant(self.require_tenant()?.clone()))
    }

    /// The rows of the caller's tenant.
    ///
    /// # Errors
    /// [`Error::NoTenant`] when no claim of the caller names a tenant.
    pub fn tenant<E: TenantEntity>(&self) -> Result<Rows<E, OfTenant>, Error> {
        let condition = self.owner_filter().tenant_condition::<E>(self.require_tenant()?);
        Ok(Rows::new(self.conn().clone(), self.tenant_context()?, condition))
    }

    /// Inserts a row of the caller's tenant, even if `row` names another tenant.
    ///
    /// # Errors
    /// [`Error::NoTenant`] when no claim of the caller names a tenant; else when the database is unavailable or
    /// rejects the statement.
    pub async fn insert_in_tenant<E: TenantEntity>(
        &self,
        mut row: E::ActiveModel,
    ) -> Result<E::Model, Error>
    where
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        E::set_tenant(&mut row, ActiveValue::Set(self.require_tenant()?.clone()));
        E::derive(&mut row);
        self.conn().insert::<E>(&self.tenant_context()?, E::insert(row)).await
    }

    /// Inserts rows of the caller's tenant, all or none.
    ///
    /// # Errors
    /// As [`insert_in_tenant`](Self::insert_in_tenant).
    pub async fn insert_all_in_tenant<E: TenantEntity>(
        &self,
        rows: Vec<E::ActiveModel>,
    ) -> Result<(), Error> {
        let tenant = self.require_tenant()?;
        let rows = rows.into_iter().map(|mut row| {
            E::set_tenant(&mut row, ActiveValue::Set(tenant.clone()));
            E::derive(&mut row);
            row
        });
        let insert = E::insert_many(rows);
        let work = async |conn: &crate::Executor<'_>| insert.exec_without_returning(conn).await;
        self.conn().run(&self.tenant_context()?, work).await?;
        Ok(())
    }
}

impl<E: TenantEntity> Rows<E, OfTenant> {
    /// Updates every row, in one statement, and returns the new rows. The tenant and the key are not changed, even if
    /// `change` sets them.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn update(&self, mut change: Update<E>) -> Result<Vec<E::Model>, Error> {
        E::derive(&mut change.values);
        E::set_tenant(&mut change.values, ActiveValue::NotSet);
        self.change(change).await
    }

    /// Deletes every row, in one statement, and returns how many there were.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn delete(&self) -> Result<u64, Error> {
        self.remove().await
    }
}
