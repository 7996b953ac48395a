//! Subscriptions: the caller's progress as it is recorded, and chapters as they are published.

use std::sync::Arc;

use async_graphql::Context;
use futures_util::{Stream, StreamExt as _, stream};
use hallpass::data::{Comparison as _, Error, Filter, Order, PageRequest, Scope};
use hallpass_entity::{ChapterId, CourseId, chapter, progress};

use super::kinds::{PROGRESS_EVENTS, PUBLISHED_CHAPTER, PUBLISHED_COURSE};
use super::types::{Chapter, ChapterProgress};
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::events::{Delivered, Event};
use hallpass::graphql::{ContextExt as _, Result, event_stream, public_event_stream};

/// How many chapters are sent of a course that is published.
const MAX_CHAPTERS: u64 = 100;

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

/// A change of the caller's progress in a chapter.
#[derive(Clone, Debug)]
pub struct ProgressEvent {
    delivered: Arc<Delivered>,
    chapter: ChapterId,
}

impl ProgressEvent {
    /// The event, if it is one of progress.
    pub(crate) fn of(delivered: &Arc<Delivered>) -> Option<Self> {
        let chapter = PROGRESS_EVENTS.id_of(&delivered.event)?;
        Some(Self { delivered: Arc::clone(delivered), chapter })
    }
}

/// A change of the caller's progress in a chapter.
#[guarded(ProgressEvent)]
impl ProgressEvent {
    /// Place of the event, for `since` after a reconnect. Opaque.
    async fn sequence(&self) -> String {
        self.delivered.sequence.to_string()
    }

    /// The current progress, possibly changed again since the event.
    async fn progress(&self, ctx: &Context<'_>) -> Result<ChapterProgress> {
        progress_of(ctx.scope(), self.chapter, &self.delivered).await
    }
}

/// Course subscriptions.
#[derive(Default)]
pub struct CourseSubscription;

#[guarded(Subscription, domain = "courses")]
impl CourseSubscription {
    /// Chapters that have become visible to every caller: a published chapter of a published course. Of a course that
    /// is published, the first 100 chapters are sent, in order.
    #[graphql(guard = "Public")]
    async fn chapter_published(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<Chapter>>> {
        let scope = ctx.scope().clone();
        let events = public_event_stream(ctx, |delivered: Arc<Delivered>| {
            Some((published_by(&delivered.event)?, delivered))
        })?;
        let chapters = events.then(move |event| {
            let scope = scope.clone();
            async move {
                let (these, delivered) = event?;
                published(&scope, these, &delivered).await
            }
        });
        Ok(chapters.flat_map(|chapters| match chapters {
            Ok(chapters) => stream::iter(chapters).map(Ok).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        }))
    }
}

/// What was read for an event, or the error.
struct Found<T>(std::result::Result<T, Arc<Error>>);

impl<T: Clone> Found<T> {
    fn get(&self) -> Result<T> {
        Ok(self.0.as_ref().map_err(Arc::clone)?.clone())
    }
}

/// The chapters that `event` may have published.
fn published_by(event: &Event) -> Option<Filter<chapter::Entity>> {
    let of_course = |id: CourseId| chapter::Column::CourseId.is(id);
    let this = |id: ChapterId| chapter::Column::Id.is(id);
    PUBLISHED_CHAPTER
        .id_of(event)
        .map(this)
        .or_else(|| PUBLISHED_COURSE.id_of(event).map(of_course))
}

/// Those of `these` chapters that are published. Read once for all subscribers to the event.
async fn published(
    scope: &Scope,
    these: Filter<chapter::Entity>,
    delivered: &Delivered,
) -> Result<Vec<Chapter>> {
    let read = async || {
        let first = PageRequest { limit: MAX_CHAPTERS, ..PageRequest::default() };
        let in_order = Order::by(chapter::Column::Ordinal, false);
        // Not from the cache, which may be older than an event of another server.
        let chapters = scope.shared::<chapter::Entity>().uncached().filter(these);
        let page = chapters.page(&in_order, &first).await.map_err(Arc::new);
        Found(page.map(|page| page.rows))
    };
    let chapters = delivered.once(read).await.get()?;
    Ok(chapters.into_iter().map(Chapter).collect())
}

/// The current progress, possibly changed again since the event. Read once for all subscribers to the event.
async fn progress_of(
    scope: &Scope,
    chapter: ChapterId,
    delivered: &Delivered,
) -> Result<ChapterProgress> {
    let read = async || {
        let this = progress::Column::ChapterId.is(chapter);
        let row = async { scope.owned::<progress::Entity>()?.filter(this).one().await };
        Found(row.await.map_err(Arc::new))
    };
    let row = delivered.once(read).await.get()?;
    Ok(ChapterProgress { chapter, row })
}
