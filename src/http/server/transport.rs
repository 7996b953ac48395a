//! The byte stream of a connection, which reports reads and unsent bytes to the table.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::table::{ConnectionSlot, Unsent};

/// How long what a client still sends is read and dropped after the last answer: the system answers
/// unread bytes with a reset, which can destroy that answer on its way.
const LINGER: Duration = Duration::from_secs(1);

pub(super) struct Transport {
    stream: TcpStream,
    place: Arc<ConnectionSlot>,
    unsent: Option<Unsent>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    pub(super) fn new(stream: TcpStream, place: Arc<ConnectionSlot>) -> Self {
        Self { stream, place, unsent: None, linger: None }
    }

    /// Takes note of how many of `bytes` were written.
    fn wrote(&mut self, bytes: usize, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(written)) => self.place.progress().wrote(*written),
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.unsent.is_some() => {}
            Poll::Pending => {
                self.unsent = Some(self.place.block(bytes)?);
                self.place.progress().blocked();
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
        if buf.filled().len() > before {
            self.place.progress().received();
        }
        read
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(bufs.iter().map(|buf| buf.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The writer flushes once everything was written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.take().is_some() {
            self.place.progress().flushed();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.linger = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        match &mut self.linger {
            Some(linger) => linger.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A WebSocket never shuts its connection down: its library drops it.
impl Drop for Transport {
    fn drop(&mut self) {
        if !self.place.lingers() || self.linger.is_some() {
            return;
        }
        let (copy, place) = (self.stream.as_fd().try_clone_to_owned(), Arc::clone(&self.place));
        let copy = copy.and_then(|copy| {
            let copy = std::net::TcpStream::from(copy);
            copy.shutdown(Shutdown::Write)?;
            TcpStream::from_std(copy)
        });
        let (Ok(stream), Ok(runtime)) = (copy, Handle::try_current()) else { return };
        runtime.spawn(async move {
            let drained = tokio::time::timeout(LINGER, drain(&stream)).await;
            tracing::debug!(?drained, "a connection was given up");
            drop(place);
        });
    }
}

/// Reads to the end, and keeps nothing.
async fn drain(stream: &TcpStream) -> io::Result<()> {
    let mut dropped = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut dropped) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::table::{Bounds, Table};
    use super::*;
    use crate::http::client_ip::ClientNetwork;

    const BOUNDS: Bounds = Bounds {
        total: 1,
        per_client: 1,
        unsent_per_client: 1,
        keep_alive: Duration::from_secs(75),
    };

    #[tokio::test]
    async fn client_that_does_not_read_is_timed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let place = Table::new(BOUNDS).admit(Some(ClientNetwork::of(peer.ip()))).unwrap();
        let mut transport = Transport::new(stream, Arc::clone(&place));
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        let answer = vec![b'x'; 32 * 1024 * 1024];
        let writing = async {
            transport.write_all(&answer).await.unwrap();
            transport.flush().await.unwrap();
        };
        tokio::pin!(writing);
        tokio::time::timeout(Duration::from_millis(200), &mut writing).await.unwrap_err();
        assert!(!place.progress().is_expired(later(19)));
        assert!(place.progress().is_expired(later(21)), "nothing is read");
        let mut read = vec![0; answer.len()];
        let reading = client.read_exact(&mut read);
        let ((), length) = tokio::join!(writing, reading);
        assert_eq!(length.unwrap(), answer.len());
        assert!(!place.progress().is_expired(later(21)), "everything was read");
        assert!(place.progress().is_expired(later(76)), "the connection is idle");
    }
}
