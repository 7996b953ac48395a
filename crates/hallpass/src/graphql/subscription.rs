//! Execution of subscriptions. A document is executed to subscribe, and then once per event. In between, only the
//! listener is kept, not an execution, which takes several kilobytes.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Request};
use futures_util::{Stream, stream};
use hallpass_data::Error;

use super::context::{ContextExt as _, services};
use super::error::Result;
use crate::access::Subscribed;
use crate::events::{Delivered, Events, Lagged, Listener, Schedule};

/// The events of one subscription.
pub struct Subscription {
    listener: Listener,
    is_selected: Box<dyn Fn(Arc<Delivered>) -> bool + Send>,
}

impl Subscription {
    /// The next event that the field selects.
    ///
    /// # Errors
    /// [`Lagged`] when events were dropped.
    pub async fn next(&mut self) -> std::result::Result<Arc<Delivered>, Lagged> {
        loop {
            let delivered = self.listener.next().await?;
            if (self.is_selected)(Arc::clone(&delivered)) {
                return Ok(delivered);
            }
        }
    }
}

/// Receives the subscription of an execution.
#[derive(Clone, Default)]
pub struct SubscriptionSlot(Arc<Mutex<Option<Subscription>>>);

impl SubscriptionSlot {
    /// The subscription, if the execution has subscribed.
    #[must_use]
    pub fn take(&self) -> Option<Subscription> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, subscription: Subscription) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(subscription);
    }
}

/// The events of one execution.
enum Source {
    /// None: it subscribes.
    Subscribe(SubscriptionSlot),
    /// One.
    Event(std::result::Result<Arc<Delivered>, Lagged>),
}

/// The request to subscribe. Its guard is checked, and its field's subscription is put into `slot`.
#[must_use]
pub fn subscribe(request: Request, slot: SubscriptionSlot) -> Request {
    request.data(Source::Subscribe(slot))
}

/// The request to execute one event of a subscription. Its guard is not checked again.
#[must_use]
pub fn execute_event(
    request: Request,
    event: std::result::Result<Arc<Delivered>, Lagged>,
) -> Request {
    request.data(Source::Event(event)).data(Subscribed)
}

/// A stream of the events of the caller's rows that `pick` selects. A subscriber that falls behind gets an error, and
/// the subscription ends: it would have a gap.
///
/// The resolver runs to subscribe, with an empty stream, and again for each event, with that event only. Checks
/// belong into its guard, which runs once. It calls this function once: one call selects all kinds of events.
///
/// ```
/// use async_graphql::Context;
/// use futures_util::Stream;
/// use hallpass::prelude::*;
/// use uuid::Uuid;
///
/// const NOTES: EventKind = EventKind::new("note");
///
/// /// The keys of the caller's notes that change.
/// fn changed_notes(ctx: &Context<'_>) -> Result<impl Stream<Item = Result<Uuid>> + use<>> {
///     event_stream(ctx, |delivered| NOTES.id_of(&delivered.event))
/// }
/// ```
///
/// # Errors
/// [`Error::Unauthenticated`] if no user is signed in.
pub fn event_stream<T, F>(
    ctx: &Context<'_>,
    pick: F,
) -> Result<impl Stream<Item = Result<T>> + use<T, F>>
where
    F: Fn(Arc<Delivered>) -> Option<T> + Send + 'static,
{
    event_stream_since(ctx, None, pick)
}

/// As [`event_stream`], from the event after the one with the [`Sequence`](crate::events::Sequence) `since` on, which a
/// client received before it reconnected. If the server does not have all events after it, the first one is a
/// [resync](crate::events::Delivered::is_resync), which `pick` must select too.
///
/// # Errors
/// As [`event_stream`].
pub fn event_stream_since<T, F>(
    ctx: &Context<'_>,
    since: Option<&str>,
    pick: F,
) -> Result<impl Stream<Item = Result<T>> + use<T, F>>
where
    F: Fn(Arc<Delivered>) -> Option<T> + Send + 'static,
{
    let listen = |events: &Events| {
        let owner = ctx.scope().owner().ok_or(Error::Unauthenticated)?;
        Ok(events.listen_since(owner, since))
    };
    Ok(stream::iter(event_of(ctx, listen, pick)?))
}

/// As [`event_stream_since`], with the events of `schedule`, from now on. They are sent once, at their time: they are
/// not among those that were missed. Their [`sequence`](Delivered::sequence) is that of the event before them.
///
/// # Errors
/// As [`event_stream`].
pub fn scheduled_event_stream<T, F, S>(
    ctx: &Context<'_>,
    since: Option<&str>,
    schedule: S,
    pick: F,
) -> Result<impl Stream<Item = Result<T>> + use<T, F, S>>
where
    F: Fn(Arc<Delivered>) -> Option<T> + Send + 'static,
    S: Schedule,
{
    let listen = |events: &Events| {
        let owner = ctx.scope().owner().ok_or(Error::Unauthenticated)?;
        Ok(events.listen_scheduled(owner, since, schedule))
    };
    Ok(stream::iter(event_of(ctx, listen, pick)?))
}

/// A stream of the events that `pick` selects of those published by
/// [`publish_to_all`](super::ContextExt::publish_to_all), also for an anonymous caller. What is read for them once
/// ([`Delivered::once`]) must be visible to every caller. Otherwise as [`event_stream`].
///
/// # Errors
/// None: the type is that of [`event_stream`].
pub fn public_event_stream<T, F>(
    ctx: &Context<'_>,
    pick: F,
) -> Result<impl Stream<Item = Result<T>> + use<T, F>>
where
    F: Fn(Arc<Delivered>) -> Option<T> + Send + 'static,
{
    Ok(stream::iter(event_of(ctx, |events| Ok(events.listen_to_all()), pick)?))
}

/// Subscribes with the listener of `listen`; or, for an event, returns it.
fn event_of<T, F>(
    ctx: &Context<'_>,
    listen: impl FnOnce(&Events) -> Result<Listener>,
    pick: F,
) -> Result<Option<Result<T>>>
where
    F: Fn(Arc<Delivered>) -> Option<T> + Send + 'static,
{
    Ok(match ctx.data_unchecked::<Source>() {
        Source::Subscribe(slot) => {
            let listener = listen(&services(ctx).events)?;
            let is_selected = Box::new(move |delivered| pick(delivered).is_some());
            slot.put(Subscription { listener, is_selected });
            None
        }
        Source::Event(Ok(delivered)) => pick(Arc::clone(delivered)).map(Ok),
        Source::Event(Err(lagged)) => Some(Err((*lagged).into())),
    })
}
