//! What a client sends, as far as timeouts and limits depend on it: whether it speaks HTTP/2, whether a head is
//! incomplete, and the number of control frames (RFC 9113 section 4.1).
//!
//! h2 answers PING and SETTINGS frames one by one, and reads no further frame before the answer is written; it limits the
//! CONTINUATION frames of a head, small DATA frames, and streams that are reset before they are accepted. What remains
//! unlimited there is the number of control frames, each of which takes time of the server.

use std::time::{Duration, Instant};

/// What an HTTP/2 client sends first (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;
/// Control frames within a `WINDOW`.
const MAX_CONTROL_FRAMES: u32 = 2_000;
const WINDOW: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// `ACK` of SETTINGS and PING, `END_STREAM` of DATA.
const FLAG_1: u8 = 1;
const END_HEADERS: u8 = 4;

/// Reads the bytes of a connection as they arrive.
#[derive(Debug)]
pub(super) enum Scanner {
    /// The first bytes of the preface have arrived, none at the beginning.
    Preface(usize),
    Http1,
    Http2(Frames),
}

/// The frames of an HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; FRAME_HEAD_BYTES],
    /// The bytes of `head` that have arrived.
    arrived: usize,
    /// The bytes of the payload that have not arrived.
    payload: usize,
    /// Whether a head has begun and not ended.
    is_in_head: bool,
    window_began: Instant,
    control_frames: u32,
}

/// What the bytes of a read mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Bytes of a head, or of the body of an HTTP/1.1 request.
    Head,
    /// The preface of HTTP/2 is complete.
    Preface,
    /// Frames, none of them an incomplete head.
    Frames,
    /// Too many control frames.
    Flood,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self::Preface(0)
    }

    /// Reads the next bytes, which arrive at `now`.
    pub(super) fn read(&mut self, bytes: &[u8], now: Instant) -> Received {
        match self {
            Self::Http1 => Received::Head,
            Self::Http2(frames) => frames.read(bytes, now),
            Self::Preface(arrived) => {
                let expected = &PREFACE[*arrived..];
                let length = expected.len().min(bytes.len());
                if bytes[..length] != expected[..length] {
                    *self = Self::Http1;
                    return Received::Head;
                }
                *arrived += length;
                if *arrived < PREFACE.len() {
                    return Received::Head;
                }
                let mut frames = Frames::new(now);
                let rest = frames.read(&bytes[length..], now);
                *self = Self::Http2(frames);
                if rest == Received::Frames { Received::Preface } else { rest }
            }
        }
    }
}

impl Frames {
    fn new(now: Instant) -> Self {
        Self {
            head: [0; FRAME_HEAD_BYTES],
            arrived: 0,
            payload: 0,
            is_in_head: false,
            window_began: now,
            control_frames: 0,
        }
    }

    fn read(&mut self, mut bytes: &[u8], now: Instant) -> Received {
        if now.saturating_duration_since(self.window_began) > WINDOW {
            (self.window_began, self.control_frames) = (now, 0);
        }
        while !bytes.is_empty() {
            if self.arrived < FRAME_HEAD_BYTES {
                let length = (FRAME_HEAD_BYTES - self.arrived).min(bytes.len());
                self.head[self.arrived..self.arrived + length].copy_from_slice(&bytes[..length]);
                self.arrived += length;
                bytes = &bytes[length..];
                if self.arrived == FRAME_HEAD_BYTES {
                    self.begin();
                }
            } else {
                let length = self.payload.min(bytes.len());
                self.payload -= length;
                bytes = &bytes[length..];
            }
            if self.arrived == FRAME_HEAD_BYTES && self.payload == 0 {
                self.end();
            }
        }
        match self.is_in_head {
            _ if self.control_frames > MAX_CONTROL_FRAMES => Received::Flood,
            true => Received::Head,
            false => Received::Frames,
        }
    }

    /// The head of a frame has arrived.
    fn begin(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.head;
        self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let is_control = match kind {
            HEADERS | CONTINUATION => {
                self.is_in_head = true;
                false
            }
            DATA => self.payload == 0 && flags & FLAG_1 == 0,
            SETTINGS | PING => flags & FLAG_1 == 0,
            // One for each frame of data that the client read.
            WINDOW_UPDATE => false,
            _ => true,
        };
        self.control_frames = self.control_frames.saturating_add(is_control.into());
    }

    /// A frame is complete.
    fn end(&mut self) {
        self.arrived = 0;
        let [_, _, _, kind, flags, ..] = self.head;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.is_in_head = flags & END_HEADERS == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], &vec![0; payload]].concat()
    }

    /// A connection whose preface has arrived.
    fn http2(now: Instant) -> Scanner {
        let mut scanner = Scanner::new();
        assert_eq!(scanner.read(&PREFACE[..5], now), Received::Head);
        assert_eq!(scanner.read(&PREFACE[5..], now), Received::Preface);
        scanner
    }

    #[test]
    fn preface_distinguishes_http2() {
        let now = Instant::now();
        for text in
            ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"]
        {
            let mut scanner = Scanner::new();
            for byte in text.bytes() {
                assert_eq!(scanner.read(&[byte], now), Received::Head, "{text}");
            }
            assert_eq!(matches!(scanner, Scanner::Http1), text != "P", "{text}");
        }
        let both = [PREFACE, &frame(HEADERS, 0, 3)].concat();
        assert_eq!(Scanner::new().read(&both, now), Received::Head, "a head has begun");
    }

    #[test]
    fn head_ends_with_its_last_frame() {
        let now = Instant::now();
        let mut scanner = http2(now);
        let headers = frame(HEADERS, END_HEADERS, 20);
        assert_eq!(scanner.read(&headers[..8], now), Received::Frames, "not known to be a head");
        assert_eq!(scanner.read(&headers[8..15], now), Received::Head);
        assert_eq!(scanner.read(&headers[15..], now), Received::Frames);
        assert_eq!(scanner.read(&frame(HEADERS, 0, 0), now), Received::Head);
        assert_eq!(scanner.read(&frame(CONTINUATION, 0, 5), now), Received::Head);
        assert_eq!(scanner.read(&frame(CONTINUATION, END_HEADERS, 5), now), Received::Frames);
        assert_eq!(scanner.read(&frame(PING, 0, 8), now), Received::Frames);
    }

    #[test]
    fn control_frames_are_limited_within_ten_seconds() {
        let now = Instant::now();
        for (kind, flags, payload, is_limited) in [
            (PING, 0, 8, true),
            (PING, FLAG_1, 8, false),
            (SETTINGS, 0, 0, true),
            (SETTINGS, FLAG_1, 0, false),
            (2, 0, 5, true),
            (3, 0, 4, true),
            (99, 0, 0, true),
            (DATA, 0, 0, true),
            (DATA, FLAG_1, 0, false),
            (DATA, 0, 10, false),
            (HEADERS, END_HEADERS, 1, false),
            (WINDOW_UPDATE, 0, 4, false),
        ] {
            let mut scanner = http2(now);
            let all = frame(kind, flags, payload).repeat(2_000);
            assert_eq!(scanner.read(&all, now), Received::Frames, "{kind}");
            let one = frame(kind, flags, payload);
            let expected = if is_limited { Received::Flood } else { Received::Frames };
            assert_eq!(scanner.read(&one, now), expected, "{kind} {flags}");
            let later = now + Duration::from_secs(11);
            assert_eq!(scanner.read(&one, later), Received::Frames, "{kind}");
        }
    }
}
