//! Limit of the frames of a WebSocket: each takes time of the server, also those that tungstenite handles by itself, such
//! as the empty fragments of a message (RFC 6455 section 5.2).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Frames within a `WINDOW`, beside those of the operations that complete within it.
const MAX_FRAMES: u32 = 1_000;
const WINDOW: Duration = Duration::from_secs(10);
/// Frames of an operation that completes: it starts, and the client may confirm its end.
const FRAMES_PER_OPERATION: u32 = 2;

/// The first two bytes: opcode, and length of the payload.
const START_BYTES: usize = 2;
const MASK_BYTES: usize = 4;
const IS_MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// In place of the length: it follows in 2 bytes, in 8 bytes.
const LENGTH_OF_2_BYTES: u8 = 126;
const LENGTH_OF_8_BYTES: u8 = 127;

/// A connection that fails once too many frames arrive.
pub(super) struct FrameLimit<S> {
    inner: S,
    frames: Frames,
}

impl<S> FrameLimit<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, frames: Frames::new(Instant::now()) }
    }

    /// An operation completes.
    pub(super) fn operation_completed(&mut self) {
        self.frames.count = self.frames.count.saturating_sub(FRAMES_PER_OPERATION);
    }

    /// Whether too many frames have arrived.
    pub(super) fn is_exceeded(&self) -> bool {
        self.frames.count > MAX_FRAMES
    }
}

/// The frames that arrive.
struct Frames {
    window_began: Instant,
    count: u32,
    head: [u8; START_BYTES + 8],
    /// The bytes of `head` that have arrived.
    arrived: usize,
    /// The bytes of the mask and the payload that have not arrived.
    rest: u64,
}

impl Frames {
    fn new(now: Instant) -> Self {
        Self { window_began: now, count: 0, head: [0; START_BYTES + 8], arrived: 0, rest: 0 }
    }

    /// Reads the next bytes, which arrive at `now`.
    fn read(&mut self, mut bytes: &[u8], now: Instant) {
        if now.saturating_duration_since(self.window_began) > WINDOW {
            (self.window_began, self.count) = (now, 0);
        }
        while let Some(first) = bytes.first() {
            if self.rest > 0 {
                let length =
                    usize::try_from(self.rest).map_or(bytes.len(), |it| it.min(bytes.len()));
                self.rest -= length as u64;
                bytes = &bytes[length..];
                continue;
            }
            self.head[self.arrived] = *first;
            self.arrived += 1;
            bytes = &bytes[1..];
            if self.arrived >= START_BYTES && self.arrived == self.head_bytes() {
                self.begin();
            }
        }
    }

    /// The length of the head without the mask, once its start has arrived.
    fn head_bytes(&self) -> usize {
        match self.head[1] & LENGTH {
            LENGTH_OF_2_BYTES => START_BYTES + 2,
            LENGTH_OF_8_BYTES => START_BYTES + 8,
            _ => START_BYTES,
        }
    }

    /// The head of a frame has arrived.
    fn begin(&mut self) {
        let short = self.head[1] & LENGTH;
        let length = match &self.head[START_BYTES..self.arrived] {
            [] => u64::from(short),
            long => long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let mask = if self.head[1] & IS_MASKED == 0 { 0 } else { MASK_BYTES as u64 };
        self.rest = length.saturating_add(mask);
        self.arrived = 0;
        self.count = self.count.saturating_add(1);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.frames.read(&buf.filled()[before..], Instant::now());
        if self.is_exceeded() {
            return Poll::Ready(Err(io::Error::other("too many frames")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame with a payload of this length.
    fn frame(length: usize) -> Vec<u8> {
        let head = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < LENGTH_OF_2_BYTES => vec![IS_MASKED | short],
            (_, Ok(length)) => {
                [&[IS_MASKED | LENGTH_OF_2_BYTES][..], &length.to_be_bytes()].concat()
            }
            _ => [&[IS_MASKED | LENGTH_OF_8_BYTES][..], &(length as u64).to_be_bytes()].concat(),
        };
        [&[0x89][..], &head, &[0xff; MASK_BYTES], &vec![0xff; length]].concat()
    }

    #[test]
    fn frames_of_any_length_are_counted_once() {
        let now = Instant::now();
        let lengths = [0, 1, 125, 126, 65_535, 65_536, 0];
        let all: Vec<u8> = lengths.into_iter().flat_map(frame).collect();
        for step in [1, 3, 1_000, all.len()] {
            let mut frames = Frames::new(now);
            all.chunks(step).for_each(|bytes| frames.read(bytes, now));
            assert_eq!((frames.count, frames.rest, frames.arrived), (7, 0, 0), "{step}");
            frames.read(&[0x89, 0], now);
            assert_eq!((frames.count, frames.rest), (8, 0), "a frame without a mask");
            frames.read(&[], now + WINDOW * 2);
            assert_eq!(frames.count, 0, "a window later");
        }
    }
}
