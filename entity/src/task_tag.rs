//! Table `task_tag`: tags of tasks, owned by the task's owner. The foreign key includes the owner, so that the database
//! rejects a tag on another user's task.

use sea_orm::entity::prelude::*;

use hallpass_data::{ChildOf, FromRow, UserId};

use crate::{TaskId, TaskTagId, task};

/// A tag of a task.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "task_tag")]
pub struct Model {
    /// ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskTagId,
    /// Task.
    pub task_id: TaskId,
    /// User ID of the owner of task and tag.
    pub owner_id: UserId,
    /// Tag.
    pub tag: String,
    /// Position among the tags of the task, starting at 0.
    pub ordinal: i32,
}

/// No relations: queries cannot follow any. Parent rows are queried through the scope.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

hallpass_data::owned!(OwnerId, owner_id);

impl ChildOf<task::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, task::Column)] = &[(Column::TaskId, task::Column::Id)];
}
