//! Filters across relations: only between tables of the same policy, and between owned tables only within
//! one owner's rows.

use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{Condition, EntityTrait};

use crate::filter::{Filter, column};
use crate::policy::{OwnedEntity, SharedEntity, TenantEntity};

/// A table whose rows are children of rows of `P`.
pub trait ChildOf<P: EntityTrait>: EntityTrait {
    /// The foreign key: pairs of child and parent columns.
    const FOREIGN_KEYS: &'static [(Self::Column, P::Column)];
}

/// An owned table whose rows refer to rows of the shared table `S`.
pub trait Concerns<S: SharedEntity>: OwnedEntity {
    /// The referring column, and the column that it refers to.
    const FOREIGN_KEY: (Self::Column, S::Column);
}

impl<P: OwnedEntity> Filter<P> {
    /// Rows with a child row of the same owner that matches `filter`.
    #[must_use]
    pub fn has<C: OwnedEntity + ChildOf<P>>(filter: Filter<C>) -> Self {
        let mut children = children::<P, C>(filter);
        children.and_where(column(C::OWNER).equals((P::default(), P::OWNER)));
        Self::new(Condition::all().add(Expr::exists(children)))
    }
}

impl<C: OwnedEntity> Filter<C> {
    /// Rows whose parent, which has the same owner, matches `filter`.
    #[must_use]
    pub fn of_own<P: OwnedEntity>(filter: Filter<P>) -> Self
    where
        C: ChildOf<P>,
    {
        let mut parents = parents::<P, C>(filter);
        parents.and_where(column(P::OWNER).equals((C::default(), C::OWNER)));
        Self::new(Condition::all().add(Expr::exists(parents)))
    }
}

impl<P: TenantEntity> Filter<P> {
    /// Rows with a child row of the same tenant that matches `filter`.
    #[must_use]
    pub fn has_in_tenant<C: TenantEntity + ChildOf<P>>(filter: Filter<C>) -> Self {
        let mut children = children::<P, C>(filter);
        children.and_where(column(C::TENANT).equals((P::default(), P::TENANT)));
        Self::new(Condition::all().add(Expr::exists(children)))
    }
}

/// The children of a row of `P` that match `filter`, of any owner.
pub(crate) fn children<P: EntityTrait, C: ChildOf<P>>(filter: Filter<C>) -> SelectStatement {
    let mut children = Query::select();
    children.expr(Expr::Constant(1.into())).from(C::default());
    for (child, parent) in C::FOREIGN_KEYS {
        children.and_where(column(*child).equals((P::default(), *parent)));
    }
    children.cond_where(filter.into_condition());
    children
}

impl<C: SharedEntity> Filter<C> {
    /// Rows whose parent matches `filter`.
    #[must_use]
    pub fn of<P: SharedEntity>(filter: Filter<P>) -> Self
    where
        C: ChildOf<P>,
    {
        Self::new(Condition::all().add(Expr::exists(parents::<P, C>(filter))))
    }
}

/// The parents of a row of `C` that match `filter`, of any owner.
fn parents<P: EntityTrait, C: ChildOf<P>>(filter: Filter<P>) -> SelectStatement {
    let mut parents = Query::select();
    parents.expr(Expr::Constant(1.into())).from(P::default());
    for (child, parent) in C::FOREIGN_KEYS {
        parents.and_where(column(*parent).equals((C::default(), *child)));
    }
    parents.cond_where(filter.into_condition());
    parents
}
