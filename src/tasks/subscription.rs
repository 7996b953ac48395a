//! Hearing of tasks as they change.

use async_graphql::{Context, Enum, ID, Object, Subscription};
use futures_util::{Stream, StreamExt as _};
use hallpass_entity::{Comparison as _, TaskId, task};

use super::types::{TYPE, Task, TaskFields};
use crate::access::Rule::SignedIn;
use crate::access::{guarded, null_only_on_error};
use crate::events::{Change, Event, Row};
use crate::graphql::{ContextExt as _, Lenient, Result, encode_id, live};

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Change")]
pub enum TaskEventKind {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted.
    Deleted,
}

/// Something that happened to a task, as its owner hears of it.
pub type TaskEvent = Lenient<TaskEventFields>;

/// The event behind a [`TaskEvent`].
#[derive(Clone, Copy, Debug)]
pub struct TaskEventFields {
    change: Change,
    id: TaskId,
}

/// Something that happened to one of the caller's tasks.
#[Object(name = "TaskEvent")]
impl TaskEventFields {
    /// What happened.
    async fn kind(&self) -> TaskEventKind {
        self.change.into()
    }

    /// The global id of the task.
    async fn task_id(&self) -> ID {
        encode_id(TYPE, self.id)
    }

    /// The task as it stands now, which may be later than the event; null when it is not there any more.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        if self.change == Change::Deleted {
            return Ok(None);
        }
        let mine = ctx.scope().mine::<task::Entity>()?.filter(task::Column::Id.is(self.id));
        Ok(mine.one().await?.map(|row| TaskFields::new(ctx, row)))
    }
}

/// The subscriptions about tasks.
#[derive(Default)]
pub struct TaskSubscription;

#[guarded(Subscription)]
#[Subscription]
impl TaskSubscription {
    /// What happens to the caller's tasks from now on, made, changed or deleted by whichever of their
    /// devices. It ends when the credential does.
    #[graphql(guard = "SignedIn", directive = null_only_on_error::apply())]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Option<TaskEvent>>>> {
        let events = live(ctx.listen()?, |Event { change, row }| match row {
            Row::Task(id) => Some(TaskEventFields { change, id }),
            Row::Progress(_) => None,
        });
        Ok(events.map(|event| Ok(Some(Lenient(event?)))))
    }
}
