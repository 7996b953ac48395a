//! Table `task`: owned rows. The owner can make a task public.

use sea_orm::entity::prelude::*;

use hallpass_data::policy::PublicRows;
use hallpass_data::{
    ActiveValue, Comparison, Filter, FromRow, PartialModel, SearchText, Searched, Set, SortKey,
    Timestamp, UserId,
};

use crate::TaskId;

/// Task priority, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Priority {
    /// Low.
    Low = 0,
    /// Medium (the default).
    Medium = 1,
    /// High.
    High = 2,
    /// Urgent.
    Urgent = 3,
}

impl hallpass_data::ColumnValue for Priority {
    fn from_binary(value: Option<&[u8]>) -> Option<Self> {
        <Self as sea_orm::ActiveEnum>::try_from_value(&i16::from_binary(value)?).ok()
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow, PartialModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    /// ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    /// User ID of the owner.
    pub owner_id: UserId,
    /// Title.
    pub title: String,
    /// Sort key of the title.
    pub title_key: SortKey,
    /// Title, normalized for search.
    pub title_search: SearchText,
    /// Description.
    pub description: Option<String>,
    /// Description, normalized for search. Only the owner can search it.
    pub description_search: SearchText,
    /// Whether the task is completed.
    pub completed: bool,
    /// Completion time.
    pub completed_at: Option<Timestamp>,
    /// Priority.
    pub priority: Priority,
    /// Due time.
    pub due_at: Option<Timestamp>,
    /// Due date, if the task was given one. `due_at` is the end of that day in UTC.
    pub due_on: Option<Date>,
    /// Whether the task is public.
    pub is_public: bool,
    /// Version, starting at 1 and incremented with each change.
    pub version: i32,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// No relations: queries cannot follow any. Child rows are queried through the scope.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

hallpass_data::owned!(OwnerId, owner_id, derive);

fn derive(row: &mut ActiveModel) {
    if let ActiveValue::Set(title) = &row.title {
        row.title_key = Set(SortKey::of(title));
        row.title_search = Set(SearchText::of(title));
    }
    if let ActiveValue::Set(description) = &row.description {
        row.description_search = Set(SearchText::of_maybe(description.as_deref()));
    }
}

/// Search in the titles of public tasks.
impl Searched for Entity {
    const INDEX: &'static str = "public_task";
}

impl PublicRows for Entity {
    fn public() -> Filter<Self> {
        Column::IsPublic.is(true)
    }
}
