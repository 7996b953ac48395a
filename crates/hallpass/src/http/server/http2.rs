//! HTTP/2 beside HTTP/1.1: limits of its streams, and the bodies of their responses.
//!
//! The flow control of HTTP/2 lets a client hold back one stream while the connection works. So the time that a client
//! may take to read a response is measured for each stream, and a body is handed to h2 in pieces, of which the rest
//! counts as unsent.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use tokio_util::task::TaskTracker;

use super::MAX_HEAD_BYTES;
use super::progress::{HEAD_TIMEOUT, MIN_READ_RATE, WRITE_TIMEOUT};
use super::table::{BusyGuard, ConnectionSlot, UnsentGuard};

/// Open streams of one connection; further ones are refused. A client learns it from SETTINGS.
const MAX_STREAMS: u32 = 100;
/// Streams that the client resets before the server has accepted them (rapid reset, CVE-2023-44487): beyond it, the
/// connection is closed.
const MAX_PENDING_RESETS: usize = 20;
/// Streams that the server resets for errors of the client.
const MAX_ERROR_RESETS: usize = 100;
/// Unread bytes of the bodies of the requests of one connection, and of one request.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Bytes of a response that h2 holds until the client reads them.
const PIECE_BYTES: usize = 16 * 1024;
/// Interval of PING frames, and how long a client may take to answer one: it may be gone.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How often a stream is checked for its timeout.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A builder of connections of both versions, whose streams run as tasks of `open`.
pub(super) fn builder(open: &TaskTracker) -> auto::Builder<StreamExecutor> {
    let mut builder = auto::Builder::new(StreamExecutor(open.clone()));
    // The table enforces the timeouts.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .max_send_buf_size(PIECE_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
}

/// Runs each stream of a connection as a task, until the client takes too long to read.
#[derive(Clone)]
pub(super) struct StreamExecutor(TaskTracker);

tokio::task_local! {
    /// The reader of the stream whose task this is.
    static READER: Arc<Reader>;
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        let reader = Arc::<Reader>::default();
        self.0.spawn(async move {
            tokio::select! {
                _ = READER.scope(Arc::clone(&reader), stream) => {}
                // Dropped, the stream is reset.
                () = reader.expired() => tracing::debug!("stream reset: its client reads too slowly"),
            }
        });
    }
}

/// How fast the client reads the response of a stream.
#[derive(Default)]
struct Reader(Mutex<Option<Reading>>);

struct Reading {
    since: Instant,
    bytes: u64,
    /// Whether a piece is with h2, and the next one is not requested yet.
    is_waiting: bool,
}

impl Reader {
    /// A piece of `bytes` is handed to h2.
    fn sent(&self, bytes: usize) {
        let mut reading = self.reading();
        let reading =
            reading.get_or_insert(Reading { since: Instant::now(), bytes: 0, is_waiting: false });
        reading.bytes += bytes as u64;
        reading.is_waiting = true;
    }

    /// h2 requests the next piece.
    fn requested(&self) {
        if let Some(reading) = &mut *self.reading() {
            reading.is_waiting = false;
        }
    }

    /// There is nothing to send.
    fn idle(&self) {
        *self.reading() = None;
    }

    fn is_expired(&self, now: Instant) -> bool {
        self.reading().as_ref().is_some_and(|reading| {
            let timeout = WRITE_TIMEOUT + Duration::from_secs(reading.bytes / MIN_READ_RATE);
            reading.is_waiting && now.saturating_duration_since(reading.since) > timeout
        })
    }

    async fn expired(&self) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            if self.is_expired(Instant::now()) {
                return;
            }
        }
    }

    fn reading(&self) -> MutexGuard<'_, Option<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a response in pieces. The connection is busy until the last one is handed to h2.
pub(super) struct PiecewiseBody {
    inner: Body,
    rest: Bytes,
    unsent: Option<UnsentGuard>,
    slot: Arc<ConnectionSlot>,
    reader: Arc<Reader>,
    _busy: BusyGuard,
}

impl PiecewiseBody {
    /// The body of the response to the stream whose task this is.
    pub(super) fn new(inner: Body, slot: Arc<ConnectionSlot>, busy: BusyGuard) -> Self {
        let reader = READER.try_with(Arc::clone).unwrap_or_default();
        Self { inner, rest: Bytes::new(), unsent: None, slot, reader, _busy: busy }
    }
}

impl HttpBody for PiecewiseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.reader.requested();
        while self.rest.is_empty() {
            self.unsent = None;
            let next = Pin::new(&mut self.inner).poll_frame(cx);
            if next.is_pending() {
                self.reader.idle();
            }
            match ready!(next).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
            if !self.rest.is_empty() {
                let unsent = self.slot.block(self.rest.len()).map_err(axum::Error::new)?;
                self.unsent = Some(unsent);
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.reader.sent(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_reader_gets_time_per_byte_read() {
        let reader = Reader::default();
        let expires = || {
            let now = Instant::now();
            (0..3600).find(|seconds| reader.is_expired(now + Duration::from_secs(*seconds)))
        };
        assert_eq!(expires(), None, "nothing is sent");
        reader.sent(16);
        assert!((Some(20)..=Some(21)).contains(&expires()), "it reads nothing");
        reader.requested();
        assert_eq!(expires(), None, "it has read everything");
        reader.sent(1024 * 1024);
        assert!((Some(84)..=Some(85)).contains(&expires()), "it reads a megabyte");
        reader.idle();
        assert_eq!(expires(), None, "there is nothing to send");
    }
}
