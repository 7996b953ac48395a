//! How a task looks from outside.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use hallpass_entity::{Error, task};

use super::tags::TagLoader;
use super::viewer::TaskViewer;
use crate::access::{Resource, ResourceAttributes, Rule::Owner, guarded, semantic_non_null};
use crate::events::Delivered;
use crate::graphql::{ContextExt as _, Date, DateTime, NullOnError, Result, encode_id};

/// The name under which tasks have global ids.
pub(crate) const TYPE: &str = "Task";

/// A task, as everyone may see it, and its owner in full.
pub type Task = NullOnError<TaskFields>;

/// The row behind a [`Task`].
#[derive(Clone, Debug)]
pub struct TaskFields {
    row: task::Model,
    is_owner: bool,
    /// The event that it is shown with, where it is.
    event: Option<Arc<Delivered>>,
}

impl TaskFields {
    pub(crate) fn new(ctx: &Context<'_>, row: task::Model) -> Task {
        let is_owner = ctx.scope().owner() == Some(&row.owner_id);
        NullOnError(Self { row, is_owner, event: None })
    }

    /// The task of an event: what belongs to it is read once for all subscribers of that.
    pub(crate) fn of_event(ctx: &Context<'_>, row: task::Model, event: &Arc<Delivered>) -> Task {
        let NullOnError(task) = Self::new(ctx, row);
        NullOnError(Self { event: Some(Arc::clone(event)), ..task })
    }
}

/// The tags of an event's task, or that they could not be read.
struct Tags(std::result::Result<Vec<String>, Arc<Error>>);

impl Resource for TaskFields {
    fn facts(&self) -> ResourceAttributes<'_> {
        ResourceAttributes { is_owner: self.is_owner, required_tier: None }
    }

    fn row_id(&self) -> String {
        encode_id(TYPE, self.row.id).0
    }
}

/// How much a task presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::Priority")]
pub enum TaskPriority {
    /// Some day.
    Low,
    /// In its turn.
    Medium,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

/// Something to be done.
#[guarded(Task)]
#[Object(name = "Task")]
impl TaskFields {
    /// The global id.
    pub async fn id(&self) -> ID {
        encode_id(TYPE, self.row.id)
    }

    /// What is to be done.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// The details.
    #[graphql(guard = "Owner")]
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// Whether it is done.
    async fn completed(&self) -> bool {
        self.row.completed
    }

    /// Since when it is done.
    async fn completed_at(&self) -> Option<DateTime> {
        self.row.completed_at.map(DateTime)
    }

    /// How much it presses.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn priority(&self) -> Option<TaskPriority> {
        Some(self.row.priority.into())
    }

    /// By when it is wanted.
    #[graphql(guard = "Owner")]
    async fn due_at(&self) -> Option<DateTime> {
        self.row.due_at.map(DateTime)
    }

    /// The day by whose end, in UTC, it is wanted, if a day was given; `dueAt` is that end.
    #[graphql(guard = "Owner")]
    async fn due_on(&self) -> Option<Date> {
        self.row.due_on.map(Date)
    }

    /// Words to find it by, in the owner's order.
    #[graphql(guard = "Owner", directive = semantic_non_null::apply())]
    async fn tags(&self, ctx: &Context<'_>) -> Result<Option<Vec<String>>> {
        let loader = ctx.data_unchecked::<DataLoader<TagLoader>>();
        let read = async || Tags(loader.load_one(self.row.id).await.map(Option::unwrap_or_default));
        match &self.event {
            Some(event) => Ok(Some(event.once(read).await.0.as_ref().map_err(Arc::clone)?.clone())),
            None => Ok(Some(read().await.0?)),
        }
    }

    /// Whether everyone may see it.
    async fn is_public(&self) -> bool {
        self.row.is_public
    }

    /// Whether it is the caller's.
    async fn is_owner(&self) -> bool {
        self.is_owner
    }

    /// What the caller may do with it.
    async fn viewer(&self) -> TaskViewer<'_> {
        TaskViewer(self.facts())
    }

    /// Counts the changes, from 1. Give it back as `expectedVersion` to change only what you saw.
    async fn version(&self) -> i32 {
        self.row.version
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.row.updated_at)
    }
}

/// How the caller's tasks stand.
#[derive(Clone, Debug, SimpleObject)]
pub struct TaskStats {
    /// All of them.
    pub total: i64,
    /// Those done.
    pub completed: i64,
    /// Those not done whose time has passed.
    pub overdue: i64,
    /// How many of each priority, rising.
    pub by_priority: Vec<TaskPriorityCount>,
}

/// How many tasks have one priority.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TaskPriorityCount {
    /// The priority.
    pub priority: TaskPriority,
    /// How many tasks have it.
    pub count: i64,
}
