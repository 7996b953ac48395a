//! One subscription for all events of a caller: those of their tasks, and of their progress.

use std::sync::Arc;

use async_graphql::{Context, Union};
use futures_util::Stream;

use super::courses::ProgressEvent;
use super::tasks::{DueTasks, TaskEvent};
use hallpass::access::Rule::SignedIn;
use hallpass::access::guarded;
use hallpass::events::Delivered;
use hallpass::graphql::{ContextExt as _, Result, scheduled_event_stream};

/// An event of the caller.
#[derive(Clone, Debug, Union)]
pub enum CallerEvent {
    /// Of one of the caller's tasks.
    Task(TaskEvent),
    /// Of the caller's progress in a chapter.
    Progress(ProgressEvent),
}

impl CallerEvent {
    fn of(delivered: Arc<Delivered>) -> Option<Self> {
        let progress = ProgressEvent::of(&delivered).map(Self::Progress);
        progress.or_else(|| TaskEvent::of(delivered).map(Self::Task))
    }
}

/// Subscription to all events of the caller.
#[derive(Default)]
pub struct EventSubscription;

#[guarded(Subscription, domain = "events")]
impl EventSubscription {
    /// The events of `taskEvents`, and the caller's progress in a chapter whenever it is recorded, in one subscription.
    /// `since` is the `sequence` of the last event that the client received: as in `taskEvents`, for the events of both
    /// types. After a `TaskEvent` of the kind `RESYNC`, read tasks and progress again.
    #[graphql(guard = "SignedIn", scope = "progress:read tasks:read")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        since: Option<String>,
    ) -> Result<impl Stream<Item = Result<CallerEvent>>> {
        let due = DueTasks::new(ctx.scope());
        scheduled_event_stream(ctx, since.as_deref(), due, CallerEvent::of)
    }
}
