//! Whose the rows of a table are. Each table declares one policy, with a macro, in its own file.

use sea_orm::{ActiveValue, EntityTrait, ModelTrait};

use crate::{Filter, UserId};

mod sealed {
    pub trait Policy {}
    impl Policy for super::Owned {}
    impl Policy for super::Shared {}
    impl Policy for super::System {}
}

/// Every row has one owner.
pub enum Owned {}
/// Rows are everyone's, once published.
pub enum Shared {}
/// Rows are the server's own: written by [`System`](crate::System), read by the holder of a
/// [`Privilege`](crate::Privilege).
pub enum System {}

/// Whose the rows of a table are. One table has one policy: it is an associated type.
pub trait Scoped: EntityTrait {
    /// [`Owned`], [`Shared`] or [`System`].
    type Policy: sealed::Policy;
    /// Sets the columns of a row to be written that are made of others which it sets.
    fn derive(_row: &mut Self::ActiveModel) {}
}

/// A table that can be listed page by page.
pub trait Listed: Scoped<Model: ModelTrait<Entity = Self>> {}

impl<E: Scoped<Model: ModelTrait<Entity = E>>> Listed for E {}

/// A table in which every row has one owner. Written by [`owned!`](crate::owned).
pub trait OwnedEntity: Scoped<Policy = Owned> {
    /// The column that names the owner.
    const OWNER: Self::Column;
    /// Names the owner of a row to be written.
    fn set_owner(row: &mut Self::ActiveModel, owner: ActiveValue<UserId>);
}

/// An owned table whose owners can show rows to everyone.
pub trait PublicRows: OwnedEntity {
    /// Which rows are shown to everyone.
    fn public() -> Filter<Self>;
}

/// A table whose published rows are everyone's.
pub trait SharedEntity: Scoped<Policy = Shared> {
    /// Which rows are published.
    fn published() -> Filter<Self>;
}

/// Declares the table of this file as owned: `owned!(OwnerId, owner_id)`; with a third argument, a
/// function that [derives](crate::policy::Scoped::derive) columns from others.
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

/// Declares the table of this file as shared, with what counts as published, and perhaps a function that
/// [derives](crate::policy::Scoped::derive) columns from others.
#[macro_export]
macro_rules! shared {
    ($published:expr $(, $derive:path)?) => {
        impl $crate::policy::Scoped for Entity {
            type Policy = $crate::policy::Shared;
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

/// Declares the table of this file as the server's own: `system!()`, perhaps with a function that
/// [derives](crate::policy::Scoped::derive) columns from others. No door opens on it but
/// [`Scope::everyones`](crate::Scope::all).
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
