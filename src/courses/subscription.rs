//! Hearing of progress as it is noted.

use async_graphql::{Context, Subscription};
use futures_util::{Stream, StreamExt as _};
use hallpass_entity::{ChapterId, Comparison as _, Scope, progress};

use super::types::ChapterProgress;
use crate::access::Rule::SignedIn;
use crate::access::{guarded, null_only_on_error};
use crate::events::{Event, Row};
use crate::graphql::{ContextExt as _, Result, live};

/// The subscriptions of readers.
#[derive(Default)]
pub struct ReadingSubscription;

#[guarded(Subscription)]
#[Subscription]
impl ReadingSubscription {
    /// The caller's progress in a chapter, each time that it is noted by whichever of their devices. It ends
    /// when the credential does.
    #[graphql(guard = "SignedIn", directive = null_only_on_error::apply())]
    async fn progress_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Option<ChapterProgress>>>> {
        let scope = ctx.scope().clone();
        let events = live(ctx.listen()?, |Event { row, .. }| match row {
            Row::Progress(chapter) => Some(chapter),
            Row::Task(_) => None,
        });
        Ok(events.then(move |chapter| {
            let scope = scope.clone();
            async move { Ok(Some(noted(&scope, chapter?).await?)) }
        }))
    }
}

/// The progress as it stands now, which may be later than the event.
async fn noted(scope: &Scope, chapter: ChapterId) -> Result<ChapterProgress> {
    let this = progress::Column::ChapterId.is(chapter);
    let row = scope.mine::<progress::Entity>()?.filter(this).one().await?;
    Ok(ChapterProgress { chapter, row })
}
