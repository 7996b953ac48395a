//! Courses: everyone's, once published.

use sea_orm::entity::prelude::*;

use crate::interest::Interests;
use crate::{ActiveValue, Comparison, CourseId, Set, SortKey, Timestamp};

/// One course.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "course")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CourseId,
    /// Its name in addresses: lower-case words joined by hyphens.
    pub slug: String,
    /// Its name for people.
    pub title: String,
    /// What lists by title compare.
    pub title_key: SortKey,
    /// What it is about, in Markdown.
    pub description: String,
    /// Whom it is for.
    pub interests: Interests,
    /// Whether everyone may see it.
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

crate::shared!(Column::Published.is(true), derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(title) = &row.title {
        row.title_key = Set(SortKey::of(title));
    }
}
