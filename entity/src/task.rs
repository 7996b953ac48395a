//! Tasks: each has one owner, who may show it to everyone.

use sea_orm::entity::prelude::*;

use crate::policy::PublicRows;
use crate::search::Searched;
use crate::{ActiveValue, Comparison, Filter, SearchText, Set, SortKey, TaskId, Timestamp, UserId};

/// How much a task presses, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Priority {
    /// Some day.
    Low = 0,
    /// In its turn.
    Medium = 1,
    /// Before others.
    High = 2,
    /// Now.
    Urgent = 3,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    /// Whose it is.
    pub owner_id: UserId,
    /// What is to be done.
    pub title: String,
    /// What lists by title compare.
    pub title_key: SortKey,
    /// The title as it is searched.
    pub title_search: SearchText,
    /// The details.
    pub description: Option<String>,
    /// The details as they are searched, by the owner alone.
    pub description_search: SearchText,
    /// Whether it is done.
    pub completed: bool,
    /// Since when it is done.
    pub completed_at: Option<Timestamp>,
    /// How much it presses.
    pub priority: Priority,
    /// By when it is wanted.
    pub due_at: Option<Timestamp>,
    /// The day by whose end it is wanted, where a day was given; `due_at` is its end.
    pub due_on: Option<Date>,
    /// Whether everyone may see it.
    pub is_public: bool,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// None that a query may follow: children are reached through their own scope.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::owned!(OwnerId, owner_id, derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(title) = &row.title {
        row.title_key = Set(SortKey::of(title));
        row.title_search = Set(SearchText::of(title));
    }
    if let ActiveValue::Set(description) = &row.description {
        row.description_search = Set(SearchText::of_maybe(description.as_deref()));
    }
}

/// The titles of public tasks.
impl Searched for Entity {
    const INDEX: &'static str = "public_task";
}

impl PublicRows for Entity {
    fn public() -> Filter<Self> {
        Column::IsPublic.is(true)
    }
}
