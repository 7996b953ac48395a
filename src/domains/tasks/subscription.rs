//! Hearing of tasks as they change.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Subscription};
use futures_util::{Stream, StreamExt as _};
use hallpass_entity::{Comparison as _, Error, Scope, TaskId, task};

use super::types::{TYPE, Task, TaskFields};
use crate::access::Rule::SignedIn;
use crate::access::{guarded, semantic_non_null};
use crate::events::{Change, Delivered, Row};
use crate::graphql::{ContextExt as _, NullOnError, Result, encode_id, event_stream};

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
pub type TaskEvent = NullOnError<TaskEventFields>;

/// The event behind a [`TaskEvent`].
#[derive(Clone, Debug)]
pub struct TaskEventFields {
    delivered: Arc<Delivered>,
    id: TaskId,
}

/// The task of an event, or that it could not be read.
struct Found(std::result::Result<Option<task::Model>, Arc<Error>>);

impl Found {
    async fn read(scope: &Scope, id: TaskId) -> Self {
        let row =
            async { scope.owned::<task::Entity>()?.filter(task::Column::Id.is(id)).one().await };
        Self(row.await.map_err(Arc::new))
    }
}

/// Something that happened to one of the caller's tasks.
#[Object(name = "TaskEvent")]
impl TaskEventFields {
    /// What happened.
    async fn kind(&self) -> TaskEventKind {
        self.delivered.event.change.into()
    }

    /// The global id of the task.
    async fn task_id(&self) -> ID {
        encode_id(TYPE, self.id)
    }

    /// The task as it stands now, which may be later than the event; null when it is not there any more.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<Task>> {
        if self.delivered.event.change == Change::Deleted {
            return Ok(None);
        }
        let scope = ctx.scope();
        let found = self.delivered.once(|| Found::read(scope, self.id)).await;
        let row = found.0.as_ref().map_err(Arc::clone)?.clone();
        Ok(row.map(|row| TaskFields::of_event(ctx, row, &self.delivered)))
    }
}

/// The subscriptions about tasks.
#[derive(Default)]
pub struct TaskSubscription;

#[guarded(Subscription, domain = "tasks")]
#[Subscription]
impl TaskSubscription {
    /// What happens to the caller's tasks from now on, made, changed or deleted by whichever of their
    /// devices. It ends when the credential does.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn task_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Option<TaskEvent>>>> {
        let events = event_stream(ctx.subscribe()?, |delivered| match delivered.event.row {
            Row::Task(id) => Some(TaskEventFields { delivered, id }),
            Row::Progress(_) => None,
        });
        Ok(events.map(|event| Ok(Some(NullOnError(event?)))))
    }
}
