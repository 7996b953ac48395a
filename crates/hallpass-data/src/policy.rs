//! Ownership policies of tables: owned, of a tenant, shared or system. Each table declares one with a macro, in its file.

use sea_orm::{ActiveValue, EntityTrait, ModelTrait};

use crate::{Filter, FromRow, TenantId, UserId};

mod sealed {
    pub trait Policy {}
    impl Policy for super::Owned {}
    impl Policy for super::TenantOwned {}
    impl Policy for super::Shared {}
    impl Policy for super::System {}
}

/// Every row has one owner.
pub enum Owned {}
/// Every row belongs to one tenant.
pub enum TenantOwned {}
/// Rows are visible to everyone once published.
pub enum Shared {}
/// Rows are the server's own: written by [`System`](crate::System), read with a
/// [`Privilege`](crate::Privilege).
pub enum System {}

/// A table with an ownership policy. One table has one policy: it is an associated type. Its rows are decoded by
/// position: the `Model` has `#[derive(FromRow)]`.
pub trait Scoped: EntityTrait<Model: FromRow + Sync + 'static> {
    /// [`Owned`], [`TenantOwned`], [`Shared`] or [`System`].
    type Policy: sealed::Policy;
    /// Whether its published rows are the same for every caller.
    const IS_SHARED: bool = false;
    /// Sets the derived columns of a row to be written.
    fn derive(_row: &mut Self::ActiveModel) {}
}

/// A table that can be paginated.
pub trait Listed: Scoped<Model: ModelTrait<Entity = Self>> {}

impl<E: Scoped<Model: ModelTrait<Entity = E>>> Listed for E {}

/// A table in which every row has one owner. Written by [`owned!`](crate::owned).
pub trait OwnedEntity: Scoped<Policy = Owned> {
    /// The column of the owner.
    const OWNER: Self::Column;
    /// Sets the owner of a row to be written.
    fn set_owner(row: &mut Self::ActiveModel, owner: ActiveValue<UserId>);
}

/// An owned table whose owners can make rows public.
pub trait PublicRows: OwnedEntity {
    /// Which rows are public.
    fn public() -> Filter<Self>;
}

/// A table in which every row belongs to one tenant. Written by [`tenant_owned!`](crate::tenant_owned).
pub trait TenantEntity: Scoped<Policy = TenantOwned> {
    /// The column of the tenant.
    const TENANT: Self::Column;
    /// Sets the tenant of a row to be written.
    fn set_tenant(row: &mut Self::ActiveModel, tenant: ActiveValue<TenantId>);
}

/// A table whose published rows are visible to everyone.
pub trait SharedEntity: Scoped<Policy = Shared> {
    /// Which rows are published.
    fn published() -> Filter<Self>;
}

/// Declares the table of this file as owned: `owned!(OwnerId, owner_id)`; an optional third argument is
/// a function that [derives](crate::policy::Scoped::derive) columns from others.
#[macro_export]
macro_rules! owned {
    ($column:ident, $field:ident $(, $derive:path)?) => {
        impl $crate::policy::Scoped for Entity {
            type Policy = $crate::policy::Owned;
            $(fn derive(row: &mut ActiveModel) {
                $derive(row);
            })?
        }
        impl $crate::policy::OwnedEntity for Entity {
            const OWNER: Column = Column::$column;
            fn set_owner(row: &mut ActiveModel, owner: $crate::ActiveValue<$crate::UserId>) {
                row.$field = owner;
            }
        }
        impl $crate::Comparison for Column {
            type Table = Entity;
        }
    };
}

/// Declares the table of this file as owned by tenants: `tenant_owned!(TenantId, tenant_id)`, for a field of the type
/// [`TenantId`](crate::TenantId); an optional third argument is a function that
/// [derives](crate::policy::Scoped::derive) columns from others. A table has one policy: it cannot be
/// [`owned!`](crate::owned) too.
#[macro_export]
macro_rules! tenant_owned {
    ($column:ident, $field:ident $(, $derive:path)?) => {
        impl $crate::policy::Scoped for Entity {
            type Policy = $crate::policy::TenantOwned;
            $(fn derive(row: &mut ActiveModel) {
                $derive(row);
            })?
        }
        impl $crate::policy::TenantEntity for Entity {
            const TENANT: Column = Column::$column;
            fn set_tenant(row: &mut ActiveModel, tenant: $crate::ActiveValue<$crate::TenantId>) {
                row.$field = tenant;
            }
        }
        impl $crate::Comparison for Column {
            type Table = Entity;
        }
    };
}

/// Declares what SeaORM requires of the table of this file: that it has no relations, along which a query would leave
/// its scope, and that nothing runs before a row is saved.
#[macro_export]
macro_rules! without_relations {
    () => {
        /// None: related rows are queried through the scope.
        #[derive(Copy, Clone, Debug, sea_orm::EnumIter, sea_orm::DeriveRelation)]
        pub enum Relation {}

        impl sea_orm::ActiveModelBehavior for ActiveModel {}
    };
}

/// Declares the table of this file as shared, with the filter of published rows, and optionally a function
/// that [derives](crate::policy::Scoped::derive) columns from others.
#[macro_export]
macro_rules! shared {
    ($published:expr $(, $derive:path)?) => {
        impl $crate::policy::Scoped for Entity {
            type Policy = $crate::policy::Shared;
            const IS_SHARED: bool = true;
            $(fn derive(row: &mut ActiveModel) {
                $derive(row);
            })?
        }
        impl $crate::policy::SharedEntity for Entity {
            fn published() -> $crate::Filter<Self> {
                $published
            }
        }
        impl $crate::Comparison for Column {
            type Table = Entity;
        }
    };
}

/// Declares the table of this file as the server's own: `system!()`, optionally with a function that
/// [derives](crate::policy::Scoped::derive) columns from others. In scopes it is accessible through
/// [`Scope::all`](crate::Scope::all) only.
#[macro_export]
macro_rules! system {
    ($($derive:path)?) => {
        impl $crate::policy::Scoped for Entity {
            type Policy = $crate::policy::System;
            $(fn derive(row: &mut ActiveModel) {
                $derive(row);
            })?
        }
        impl $crate::Comparison for Column {
            type Table = Entity;
        }
    };
}
