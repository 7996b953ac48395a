//! Variants of a chapter, one for each kind of reader.

use sea_orm::entity::prelude::*;

use crate::level::Level;
use crate::relation::ChildOf;
use crate::{ChapterId, Filter, Timestamp, VariantId, chapter};

/// One written form of one chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chapter_variant")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VariantId,
    /// The chapter it is a form of.
    pub chapter_id: ChapterId,
    /// The software experience it is written for.
    pub level: Level,
    /// The hardware experience it is written for.
    pub hardware: Level,
    /// The text, in Markdown.
    pub body: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl ChildOf<chapter::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, chapter::Column)] =
        &[(Column::ChapterId, chapter::Column::Id)];
}

crate::shared!(Filter::of(chapter::Entity::published()));
