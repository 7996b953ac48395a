//! Table `chapter_variant`: texts of chapters, one per level in software and hardware.

use sea_orm::entity::prelude::*;

use crate::level::Level;
use crate::{ChapterId, VariantId, chapter};
use hallpass_data::ChildOf;
use hallpass_data::{Filter, FromRow, Timestamp};

/// A variant of a chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "chapter_variant")]
pub struct Model {
    /// ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VariantId,
    /// Chapter of the variant.
    pub chapter_id: ChapterId,
    /// Level in software that the variant is written for.
    pub level: Level,
    /// Level in hardware that the variant is written for.
    pub hardware: Level,
    /// Text, in Markdown.
    pub body: String,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// No relations: queries cannot follow any.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl ChildOf<chapter::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, chapter::Column)] =
        &[(Column::ChapterId, chapter::Column::Id)];
}

hallpass_data::shared!(Filter::of(chapter::Entity::published()));
