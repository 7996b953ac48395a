//! Table `chapter_progress`: progress and bookmarks, owned by the learner.

use sea_orm::entity::prelude::*;

use crate::{ChapterId, chapter};
use hallpass_data::{Concerns, FromRow, Timestamp, UserId};

/// Progress of a learner in a chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "chapter_progress")]
pub struct Model {
    /// User ID of the learner.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    /// Chapter.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chapter_id: ChapterId,
    /// Progress in percent, from 0 to 100.
    pub percent: i32,
    /// Whether the learner bookmarked the chapter.
    pub bookmarked: bool,
    /// Time of the last change of `percent`, or of the first bookmark.
    pub updated_at: Timestamp,
}

/// No relations: queries cannot follow any.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

hallpass_data::owned!(OwnerId, owner_id);

impl Concerns<chapter::Entity> for Entity {
    const FOREIGN_KEY: (Column, chapter::Column) = (Column::ChapterId, chapter::Column::Id);
}
