//! Progress subscription: the caller's progress as it is recorded.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::{Stream, StreamExt as _};
use hallpass::data::{Comparison as _, Error, Scope};
use hallpass_entity::{ChapterId, progress};

use super::kinds::PROGRESS_EVENTS;
use super::types::ChapterProgress;
use hallpass::access::Rule::SignedIn;
use hallpass::access::guarded;
use hallpass::events::Delivered;
use hallpass::graphql::{ContextExt as _, Result, event_stream};

/// Reading subscriptions.
#[derive(Default)]
pub struct ReadingSubscription;

#[guarded(Subscription, domain = "progress")]
impl ReadingSubscription {
    /// The caller's progress in a chapter, whenever it is recorded on any device. Ends when the credential is no
    /// longer valid.
    #[graphql(guard = "SignedIn")]
    async fn progress_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<ChapterProgress>>> {
        let scope = ctx.scope().clone();
        let events = event_stream(ctx, |delivered: Arc<Delivered>| {
            Some((PROGRESS_EVENTS.id_of(&delivered.event)?, delivered))
        })?;
        Ok(events.then(move |event| {
            let scope = scope.clone();
            async move {
                let (chapter, delivered) = event?;
                progress_of(&scope, chapter, &delivered).await
            }
        }))
    }
}

/// A progress row, or the error of reading it.
struct Found(std::result::Result<Option<progress::Model>, Arc<Error>>);

impl Found {
    async fn read(scope: &Scope, chapter: ChapterId) -> Self {
        let this = progress::Column::ChapterId.is(chapter);
        let row = async { scope.owned::<progress::Entity>()?.filter(this).one().await };
        Self(row.await.map_err(Arc::new))
    }
}

/// The current progress, possibly changed again since the event. Read once for all subscribers to the event.
async fn progress_of(
    scope: &Scope,
    chapter: ChapterId,
    delivered: &Delivered,
) -> Result<ChapterProgress> {
    let found = delivered.once(|| Found::read(scope, chapter)).await;
    let row = found.0.as_ref().map_err(Arc::clone)?.clone();
    Ok(ChapterProgress { chapter, row })
}
