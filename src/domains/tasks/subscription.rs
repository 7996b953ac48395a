//! Task subscriptions: change events of the caller's tasks.

use std::sync::Arc;

use async_graphql::{Context, Enum};
use futures_util::Stream;
use hallpass::data::{Comparison as _, Error, Scope};
use hallpass_entity::{TaskId, task};

use super::due::DueTasks;
use super::types::{EVENTS, Task};
use hallpass::access::Rule::SignedIn;
use hallpass::access::guarded;
use hallpass::events::{Change, Delivered};
use hallpass::graphql::{ContextExt as _, Id, Result, scheduled_event_stream};

/// Kind of a task event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskEventKind {
    /// The task was created.
    Created,
    /// The task was changed.
    Updated,
    /// The task was deleted.
    Deleted,
    /// The task is overdue: its due time has passed, and it is not completed. It was not changed.
    Overdue,
    /// Events may have been missed since the one in `since`: read the tasks again. Has no task.
    Resync,
}

impl TaskEventKind {
    fn of(delivered: &Delivered) -> Self {
        match delivered.event.change {
            _ if delivered.is_resync() => Self::Resync,
            _ if delivered.is_scheduled() => Self::Overdue,
            Change::Created => Self::Created,
            Change::Updated => Self::Updated,
            Change::Deleted => Self::Deleted,
        }
    }
}

/// A change of a task, or that it is overdue, delivered to its owner.
#[derive(Clone, Debug)]
pub struct TaskEvent {
    delivered: Arc<Delivered>,
    /// None for [`TaskEventKind::Resync`].
    id: Option<TaskId>,
}

impl TaskEvent {
    /// The event, if it is one of tasks, or if events may have been missed.
    pub(crate) fn of(delivered: Arc<Delivered>) -> Option<Self> {
        let id = EVENTS.id_of(&delivered.event);
        (id.is_some() || delivered.is_resync()).then_some(Self { delivered, id })
    }
}

/// The task of an event, or the error of reading it.
struct Found(std::result::Result<Option<task::Model>, Arc<Error>>);

impl Found {
    async fn read(scope: &Scope, id: TaskId) -> Self {
        let row =
            async { scope.owned::<task::Entity>()?.filter(task::Column::Id.is(id)).one().await };
        Self(row.await.map_err(Arc::new))
    }
}

/// A change of one of the caller's tasks, or that it is overdue.
#[guarded(TaskEvent)]
impl TaskEvent {
    /// Kind of the event.
    async fn kind(&self) -> TaskEventKind {
        TaskEventKind::of(&self.delivered)
    }

    /// Place of the event, for `since` after a reconnect. Opaque. `OVERDUE` has the place of the event before it.
    async fn sequence(&self) -> String {
        self.delivered.sequence.to_string()
    }

    /// Global ID of the task. Null for `RESYNC`.
    async fn task_id(&self) -> Option<Id<Task>> {
        self.id.map(Id::new)
    }

    /// The current task, possibly changed again since the event. Null if it no longer exists.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        let existing = self.id.filter(|_| self.delivered.event.change != Change::Deleted);
        let Some(id) = existing else { return Ok(None) };
        let scope = ctx.scope();
        let found = self.delivered.once(|| Found::read(scope, id)).await;
        let row = found.0.as_ref().map_err(Arc::clone)?.clone();
        row.map(|row| Task::of_event(ctx, row, &self.delivered)).transpose()
    }
}

/// Task subscriptions.
#[derive(Default)]
pub struct TaskSubscription;

#[guarded(Subscription, domain = "tasks")]
impl TaskSubscription {
    /// Changes of the caller's tasks from now on, made on any device, and `OVERDUE` for each task whose due time passes.
    /// Ends when the credential is no longer valid. After a reconnect, `since` is the `sequence` of the last event that
    /// the client received: then also the changes that it missed, or else one event `RESYNC`.
    #[graphql(guard = "SignedIn")]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
        since: Option<String>,
    ) -> Result<impl Stream<Item = Result<TaskEvent>>> {
        let due = DueTasks::new(ctx.scope());
        scheduled_event_stream(ctx, since.as_deref(), due, TaskEvent::of)
    }
}
