//! The byte stream of a connection. Reports reads, writes and unsent bytes to the connection table.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::frames::{Received, Scanner};
use super::header_case::in_standard_case;
use super::stream::Stream;
use super::table::{ConnectionSlot, UnsentGuard};

/// How long input is read and discarded after the last response (lingering close): a socket that is closed with
/// unread bytes is reset, which can destroy the response in transit.
const LINGER_TIME: Duration = Duration::from_secs(1);

pub(super) struct Transport {
    stream: Stream,
    scanner: Scanner,
    slot: Arc<ConnectionSlot>,
    unsent: Option<UnsentGuard>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    pub(super) fn new(stream: Stream, slot: Arc<ConnectionSlot>) -> Self {
        Self { stream, scanner: Scanner::new(), slot, unsent: None, linger: None }
    }

    /// Records bytes that arrived.
    fn received(&mut self, bytes: &[u8]) -> Poll<io::Result<()>> {
        let progress = self.slot.progress();
        match self.scanner.read(bytes, Instant::now()) {
            Received::Head => progress.received(),
            Received::Preface => progress.is_http2(),
            Received::Frames => progress.head_ended(),
            Received::Flood if self.slot.is_proxied() => progress.head_ended(),
            Received::Flood => {
                return Poll::Ready(Err(io::Error::other("too many control frames")));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Records the result of writing `bytes`.
    fn wrote(&mut self, bytes: usize, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(written)) => {
                self.slot.progress().wrote(*written);
                self.scanner.sent(*written);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.unsent.is_some() => {}
            Poll::Pending => {
                self.unsent = Some(self.slot.block(bytes)?);
                self.slot.progress().blocked();
            }
        }
        written
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let arrived = &buf.filled()[before..];
        if arrived.is_empty() { read } else { self.received(arrived) }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let head = self.slot.upgrades().then(|| in_standard_case(buf)).flatten();
        let written = Pin::new(&mut self.stream).poll_write(cx, head.as_deref().unwrap_or(buf));
        self.wrote(buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.slot.upgrades()
            && let Some(first) = bufs.iter().find(|buf| !buf.is_empty())
        {
            return self.poll_write(cx, first);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(bufs.iter().map(|buf| buf.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes once everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.take().is_some() {
            self.slot.progress().flushed();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.linger = Some(Box::pin(tokio::time::sleep(LINGER_TIME)));
        }
        // Before the reads: those of a flood use up the budget of the task, without which no timer elapses.
        if self.linger.as_mut().is_some_and(|linger| linger.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Lingering close of a WebSocket, whose connection tungstenite drops without a shutdown.
impl Drop for Transport {
    fn drop(&mut self) {
        if !self.slot.lingers() || self.linger.is_some() {
            return;
        }
        let (copy, slot) = (self.stream.shut_down_copy(), Arc::clone(&self.slot));
        let (Ok(stream), Ok(runtime)) = (copy, Handle::try_current()) else { return };
        runtime.spawn(async move {
            let drained = tokio::time::timeout(LINGER_TIME, stream.drain()).await;
            tracing::debug!(?drained, "connection drained after close");
            drop(slot);
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::table::{ConnectionLimits, Table};
    use super::*;
    use crate::http::client_ip::ClientNetwork;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        total: 1,
        per_client: 1,
        unsent_per_client: 1,
        unsent: 1,
        keep_alive: Duration::from_secs(75),
    };

    #[tokio::test]
    async fn client_that_does_not_read_is_timed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let slot = Table::new(LIMITS).admit(Some(ClientNetwork::of(peer.ip()))).unwrap();
        let mut transport = Transport::new(Stream::Tcp(stream), Arc::clone(&slot));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        let answer = vec![b'x'; 32 * 1024 * 1024];
        let writing = async {
            transport.write_all(&answer).await.unwrap();
            transport.flush().await.unwrap();
        };
        tokio::pin!(writing);
        tokio::time::timeout(Duration::from_millis(200), &mut writing).await.unwrap_err();
        assert!(!slot.progress().is_expired(later(19)));
        assert!(slot.progress().is_expired(later(21)), "nothing is read");
        let mut read = vec![0; answer.len()];
        let reading = client.read_exact(&mut read);
        let ((), length) = tokio::join!(writing, reading);
        assert_eq!(length.unwrap(), answer.len());
        assert!(!slot.progress().is_expired(later(21)), "everything was read");
        assert!(slot.progress().is_expired(later(76)), "the connection is idle");
    }
}
