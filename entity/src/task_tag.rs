//! Tags on tasks. A tag belongs to its task's owner: the key that ties them includes the owner, so
//! the database itself refuses a tag on another's task.

use sea_orm::entity::prelude::*;

use crate::relation::ChildOf;
use crate::{TaskId, TaskTagId, UserId, task};

/// One tag on one task.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_tag")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskTagId,
    /// The task it is on.
    pub task_id: TaskId,
    /// Whose task and tag it is.
    pub owner_id: UserId,
    /// The tag itself.
    pub tag: String,
    /// Its place among the task's tags, from 0.
    pub ordinal: i32,
}

/// None that a query may follow: parents are reached through their own scope.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::owned!(OwnerId, owner_id);

impl ChildOf<task::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, task::Column)] = &[(Column::TaskId, task::Column::Id)];
}
