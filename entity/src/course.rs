//! Table `course`: shared rows, public once published.

use sea_orm::entity::prelude::*;

use crate::CourseId;
use crate::interest::Interests;
use hallpass_data::{
    ActiveValue, Comparison, FromRow, SearchText, Set, SortKey, TextIndex, Timestamp,
};

/// A course.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "course")]
pub struct Model {
    /// ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CourseId,
    /// Slug: the name in URLs. Lower-case words joined by hyphens.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Sort key of the title.
    pub title_key: SortKey,
    /// Title, normalized for search.
    pub title_search: SearchText,
    /// Description, in Markdown.
    pub description: String,
    /// Description, normalized for search.
    pub description_search: SearchText,
    /// Interest areas.
    pub interests: Interests,
    /// Whether the course is published.
    pub published: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// No relations: queries cannot follow any.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

hallpass_data::shared!(Column::Published.is(true), derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(title) = &row.title {
        row.title_key = Set(SortKey::of(title));
        row.title_search = Set(SearchText::of(title));
    }
    if let ActiveValue::Set(description) = &row.description {
        row.description_search = Set(SearchText::of(description));
    }
}

/// The index of titles and descriptions.
pub enum Text {}

impl TextIndex<Entity> for Text {
    const INDEX: &'static str = "course_text";
}
