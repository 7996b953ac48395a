//! Chapters: everyone's, once they and their course are published. Who may read the text behind
//! one is decided by its tier.

use sea_orm::entity::prelude::*;

use crate::interest::Interests;
use crate::relation::ChildOf;
use crate::search::Searched;
use crate::{
    ActiveValue, ChapterId, Comparison, CourseId, Filter, SearchText, Set, Timestamp, course,
};

/// One chapter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chapter")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChapterId,
    /// The course it is part of.
    pub course_id: CourseId,
    /// Its name in addresses, unique over all courses.
    pub slug: String,
    /// Its name for people.
    pub title: String,
    /// What it is about, for those who may not read it too.
    pub summary: String,
    /// Its place in the course, from 1.
    pub ordinal: i32,
    /// Whom it is for.
    pub interests: Interests,
    /// The same, as they are searched.
    pub interests_search: SearchText,
    /// The lowest tier that may read it.
    pub required_tier: String,
    /// Whether everyone may see that it exists.
    pub published: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl ChildOf<course::Entity> for Entity {
    const FOREIGN_KEYS: &'static [(Column, course::Column)] =
        &[(Column::CourseId, course::Column::Id)];
}

crate::shared!(Column::Published.is(true).and(Filter::of(course::Entity::published())), derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(interests) = &row.interests {
        row.interests_search = Set(SearchText::of_words(interests.areas()));
    }
}

/// Interest areas.
impl Searched for Entity {
    const INDEX: &'static str = "chapter";
}
