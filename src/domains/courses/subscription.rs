//! Hearing of progress as it is noted.

use std::sync::Arc;

use async_graphql::{Context, Subscription};
use futures_util::{Stream, StreamExt as _};
use hallpass_entity::{ChapterId, Comparison as _, Error, Scope, progress};

use super::types::{ChapterProgress, ProgressFields};
use crate::access::Rule::SignedIn;
use crate::access::{guarded, semantic_non_null};
use crate::events::{Delivered, Row};
use crate::graphql::{ContextExt as _, Result, event_stream};

/// The subscriptions of readers.
#[derive(Default)]
pub struct ReadingSubscription;

#[guarded(Subscription, domain = "progress")]
#[Subscription]
impl ReadingSubscription {
    /// The caller's progress in a chapter, each time that it is noted by whichever of their devices. It ends
    /// when the credential does.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn progress_events(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Option<ChapterProgress>>>> {
        let scope = ctx.scope().clone();
        let events = event_stream(ctx.subscribe()?, |delivered| match delivered.event.row {
            Row::Progress(chapter) => Some((chapter, delivered)),
            Row::Task(_) => None,
        });
        Ok(events.then(move |noted| {
            let scope = scope.clone();
            async move {
                let (chapter, delivered) = noted?;
                Ok(Some(progress_of(&scope, chapter, &delivered).await?))
            }
        }))
    }
}

/// A row of progress, or that it could not be read.
struct Found(std::result::Result<Option<progress::Model>, Arc<Error>>);

impl Found {
    async fn read(scope: &Scope, chapter: ChapterId) -> Self {
        let this = progress::Column::ChapterId.is(chapter);
        let row = async { scope.owned::<progress::Entity>()?.filter(this).one().await };
        Self(row.await.map_err(Arc::new))
    }
}

/// The progress as it stands now, which may be later than the event; read once for all subscribers of the event.
async fn progress_of(
    scope: &Scope,
    chapter: ChapterId,
    delivered: &Delivered,
) -> Result<ChapterProgress> {
    let found = delivered.once(|| Found::read(scope, chapter)).await;
    Ok(ProgressFields::new(chapter, found.0.as_ref().map_err(Arc::clone)?.clone()))
}
