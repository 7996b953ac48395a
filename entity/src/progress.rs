//! How far a learner has come in a chapter.

use sea_orm::entity::prelude::*;

use crate::relation::Concerns;
use crate::{ChapterId, Timestamp, UserId, chapter};

/// One learner's progress in one chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chapter_progress")]
pub struct Model {
    /// The learner.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    /// The chapter.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chapter_id: ChapterId,
    /// How much is read, from 0 to 100.
    pub percent: i32,
    /// Whether the learner marked the chapter to come back to.
    pub bookmarked: bool,
    /// When `percent` last changed; of a chapter that was only marked, when it first was.
    pub updated_at: Timestamp,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::owned!(OwnerId, owner_id);

impl Concerns<chapter::Entity> for Entity {
    const FOREIGN_KEY: (Column, chapter::Column) = (Column::ChapterId, chapter::Column::Id);
}
