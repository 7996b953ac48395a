//! A future that is polled only when it was woken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Polls `F` only if it has something to do. For a future that many poll, of whom each is woken for other reasons too.
pub(super) struct WhenWoken<F> {
    future: F,
    state: Arc<State>,
    /// That of the state.
    waker: Waker,
}

struct State {
    is_woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F> WhenWoken<F> {
    pub(super) fn new(future: F) -> Self {
        let state = Arc::new(State { is_woken: true.into(), task: AtomicWaker::new() });
        Self { future, waker: Arc::clone(&state).into(), state }
    }
}

impl<F: Future + Unpin> Future for WhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Before the check: it may be woken in between.
        self.state.task.register(cx.waker());
        if !self.state.is_woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let Self { future, waker, .. } = &mut *self;
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{join, poll_fn};
    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn future_is_polled_when_it_was_woken() {
        let polls = AtomicUsize::new(0);
        let (send, mut receive) = oneshot::channel();
        let mut future = WhenWoken::new(poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut receive).poll(cx)
        }));
        for _ in 0..3 {
            assert!(poll!(&mut future).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        let (received, ()) = join(future, async {
            tokio::task::yield_now().await;
            send.send(7).unwrap();
        })
        .await;
        assert_eq!((received, polls.load(Ordering::Relaxed)), (Ok(7), 2));
    }

    #[tokio::test]
    async fn future_that_wakes_itself_is_polled_again() {
        let mut future = WhenWoken::new(Box::pin(async {
            tokio::task::yield_now().await;
            7
        }));
        assert!(poll!(&mut future).is_pending());
        assert_eq!(future.await, 7);
    }
}
