//! GraphQL types of tasks.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SimpleObject};
use hallpass::data::Error;
use hallpass_entity::{TaskId, task};

use super::input::TaskOrder;
use super::loaders::TaskLoaders;
use super::viewer::TaskViewer;
use hallpass::access::{Resource, ResourceAttributes, Rule::Owner, guarded};
use hallpass::events::{Delivered, EventKind};
use hallpass::graphql::{ContextExt as _, Date, DateTime, Edge, Id, Result, SelectedColumns, edge};

/// Events of tasks.
pub(crate) const EVENTS: EventKind = EventKind::new("task");

/// A task. Some fields are restricted to its owner.
#[derive(Clone, Debug)]
pub struct Task {
    row: task::Partial,
    id: TaskId,
    is_owner: bool,
    /// The event that delivers the task, if any.
    event: Option<Arc<Delivered>>,
}

impl Task {
    /// The columns that each task is made of.
    const COLUMNS: [task::Column; 2] = [task::Column::Id, task::Column::OwnerId];

    /// A task with these columns.
    ///
    /// # Errors
    /// If [`COLUMNS`](Self::COLUMNS) were not read.
    pub(crate) fn new(ctx: &Context<'_>, row: impl Into<task::Partial>) -> Result<Self> {
        let row = row.into();
        let is_owner = ctx.scope().owner() == Some(row.owner_id()?);
        Ok(Self { id: *row.id()?, row, is_owner, event: None })
    }

    /// The columns of a list of tasks that its client selects.
    pub(crate) fn selected(ctx: &Context<'_>) -> SelectedColumns<task::Partial> {
        SelectedColumns::of::<Self>(ctx, &Self::COLUMNS)
    }

    /// The task as an edge of the list `tasks` in this order.
    pub(crate) fn edge(&self, order: Option<TaskOrder>) -> Result<Edge<Self>> {
        edge(&TaskOrder::listing(order), &self.row, self.clone())
    }

    /// The task of an event. Related rows are read once for all subscribers to the event.
    pub(crate) fn of_event(
        ctx: &Context<'_>,
        row: task::Model,
        event: &Arc<Delivered>,
    ) -> Result<Self> {
        Ok(Self { event: Some(Arc::clone(event)), ..Self::new(ctx, row)? })
    }
}

/// The tags of an event's task, or the error of reading them.
struct Tags(std::result::Result<Vec<String>, Arc<Error>>);

impl Resource for Task {
    fn attributes(&self) -> ResourceAttributes<'_> {
        ResourceAttributes { is_owner: self.is_owner, required_tier: None }
    }

    fn row_id(&self) -> String {
        Id::<Self>::new(self.id).to_string()
    }
}

/// Task priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::Priority")]
pub enum TaskPriority {
    /// Low.
    Low,
    /// Medium (the default).
    Medium,
    /// High.
    High,
    /// Urgent.
    Urgent,
}

/// A task.
#[guarded(Task, id = TaskId)]
impl Task {
    /// Global ID.
    async fn id(&self) -> Id<Task> {
        Id::new(self.id)
    }

    /// Title.
    async fn title(&self) -> Result<&str> {
        Ok(self.row.title()?)
    }

    /// Description.
    #[graphql(
        guard = "Owner",
        deprecation = "Select `own { description }`, which is null for other users."
    )]
    async fn description(&self) -> Result<Option<&str>> {
        Ok(self.row.description()?.as_deref())
    }

    /// Whether the task is completed.
    async fn completed(&self) -> Result<bool> {
        Ok(*self.row.completed()?)
    }

    /// Completion time.
    async fn completed_at(&self) -> Result<Option<DateTime>> {
        Ok(self.row.completed_at()?.map(DateTime))
    }

    /// Priority.
    #[graphql(
        guard = "Owner",
        deprecation = "Select `own { priority }`, which is null for other users."
    )]
    async fn priority(&self) -> Result<TaskPriority> {
        Ok((*self.row.priority()?).into())
    }

    /// Due time.
    #[graphql(
        guard = "Owner",
        deprecation = "Select `own { dueAt }`, which is null for other users."
    )]
    async fn due_at(&self) -> Result<Option<DateTime>> {
        Ok(self.row.due_at()?.map(DateTime))
    }

    /// Due date, if the task was given one. `dueAt` is the end of that day in UTC.
    #[graphql(
        guard = "Owner",
        deprecation = "Select `own { dueOn }`, which is null for other users."
    )]
    async fn due_on(&self) -> Result<Option<Date>> {
        Ok(self.row.due_on()?.map(Date))
    }

    /// Tags, in the order the owner gave them.
    #[graphql(
        guard = "Owner",
        deprecation = "Select `own { tags }`, which is null for other users."
    )]
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.read_tags(ctx).await
    }

    /// What only the owner sees. Null for other users.
    async fn own(&self) -> Option<OwnTask<'_>> {
        self.is_owner.then_some(OwnTask(self))
    }

    /// Whether the task is public.
    async fn is_public(&self) -> Result<bool> {
        Ok(*self.row.is_public()?)
    }

    /// Whether the caller owns the task.
    async fn is_owner(&self) -> bool {
        self.is_owner
    }

    /// The owner of the task, as others see them. Null if their name is not known.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<TaskAuthor>> {
        let authors = &ctx.request_data::<TaskLoaders>().authors;
        let name = authors.load_one(self.row.owner_id()?.clone()).await?;
        Ok(name.map(|name| TaskAuthor { name }))
    }

    /// The caller's permissions on the task.
    async fn viewer(&self) -> TaskViewer<'_> {
        TaskViewer(self.attributes())
    }

    /// Version, starting at 1 and incremented with each change. Send it as `expectedVersion` for optimistic locking.
    async fn version(&self) -> Result<i32> {
        Ok(*self.row.version()?)
    }

    /// Creation time.
    async fn created_at(&self) -> Result<DateTime> {
        Ok(DateTime(*self.row.created_at()?))
    }

    /// Time of the last change.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok(DateTime(*self.row.updated_at()?))
    }
}

impl Task {
    async fn read_tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let loader = &ctx.request_data::<TaskLoaders>().tags;
        let read = async || Tags(loader.load_one(self.id).await.map(Option::unwrap_or_default));
        match &self.event {
            Some(event) => Ok(event.once(read).await.0.as_ref().map_err(Arc::clone)?.clone()),
            None => Ok(read().await.0?),
        }
    }
}

/// The owner of a task, as others see them.
#[derive(Clone, Debug, SimpleObject)]
pub struct TaskAuthor {
    /// Display name.
    pub name: String,
}

/// What only the owner of a task sees.
pub struct OwnTask<'a>(&'a Task);

/// What only the owner of a task sees.
#[Object]
impl OwnTask<'_> {
    /// Description.
    async fn description(&self) -> Result<Option<&str>> {
        Ok(self.0.row.description()?.as_deref())
    }

    /// Priority.
    async fn priority(&self) -> Result<TaskPriority> {
        Ok((*self.0.row.priority()?).into())
    }

    /// Due time.
    async fn due_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.row.due_at()?.map(DateTime))
    }

    /// Due date, if the task was given one. `dueAt` is the end of that day in UTC.
    async fn due_on(&self) -> Result<Option<Date>> {
        Ok(self.0.row.due_on()?.map(Date))
    }

    /// Tags, in the order the owner gave them.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        self.0.read_tags(ctx).await
    }
}
