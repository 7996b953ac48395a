//! Table `chapter`: shared rows, public once the chapter and its course are published. The required tier restricts the
//! text only.

use sea_orm::entity::prelude::*;

use crate::interest::Interests;
use crate::{ChapterId, CourseId, course};
use hallpass_data::{ActiveValue, Comparison, Filter, FromRow, SearchText, Set, Timestamp};
use hallpass_data::{ChildOf, Searched, TextIndex};

/// A chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "chapter")]
pub struct Model {
    /// ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChapterId,
    /// Course of the chapter.
    pub course_id: CourseId,
    /// Slug: the name in URLs, unique across all courses.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Title, normalized for search.
    pub title_search: SearchText,
    /// Summary. Public, even if the text is not.
    pub summary: String,
    /// Summary, normalized for search.
    pub summary_search: SearchText,
    /// Position in the course, starting at 1.
    pub ordinal: i32,
    /// Interest areas.
    pub interests: Interests,
    /// Interest areas, normalized for search.
    pub interests_search: SearchText,
    /// Lowest tier that may read the text.
    pub required_tier: String,
    /// Whether the chapter is published.
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

impl ChildOf<course::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, course::Column)] =
        &[(Column::CourseId, course::Column::Id)];
}

hallpass_data::shared!(
    Column::Published.is(true).and(Filter::of(course::Entity::published())),
    derive
);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(title) = &row.title {
        row.title_search = Set(SearchText::of(title));
    }
    if let ActiveValue::Set(summary) = &row.summary {
        row.summary_search = Set(SearchText::of(summary));
    }
    if let ActiveValue::Set(interests) = &row.interests {
        row.interests_search = Set(SearchText::of_words(interests.areas()));
    }
}

/// Search by interest area.
impl Searched for Entity {
    const INDEX: &'static str = "chapter";
}

/// The index of titles and summaries. [`Searched`] is that of interest areas.
pub enum Text {}

impl TextIndex<Entity> for Text {
    const INDEX: &'static str = "chapter_text";
}
