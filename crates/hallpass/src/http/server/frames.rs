//! What a client sends, as far as timeouts and limits depend on it: whether it speaks HTTP/2, whether a head is
//! incomplete, and the number of control frames (RFC 9113 section 4.1).

use std::time::Instant;

use super::frame_budget::FrameBudget;

/// What an HTTP/2 client sends first (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
/// RFC 9218 section 7.1.
const PRIORITY_UPDATE: u8 = 16;
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
    budget: FrameBudget,
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

    /// `bytes` are sent to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Self::Http2(frames) = self {
            frames.budget.sent(bytes);
        }
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
            budget: FrameBudget::new(now),
        }
    }

    fn read(&mut self, mut bytes: &[u8], now: Instant) -> Received {
        self.budget.advance(now);
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
            _ if self.budget.is_exceeded() => Received::Flood,
            true => Received::Head,
            false => Received::Frames,
        }
    }

    /// The head of a frame has arrived.
    fn begin(&mut self) {
        let [high, middle, low, kind, ..] = self.head;
        self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match kind {
            HEADERS | CONTINUATION => {
                self.is_in_head = true;
                if kind == HEADERS {
                    self.budget.request();
                }
            }
            DATA if self.payload > 0 => {}
            DATA | PRIORITY | WINDOW_UPDATE | PRIORITY_UPDATE => self.budget.explainable(),
            _ => self.budget.unexplained(),
        }
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
    use std::time::Duration;

    use super::*;

    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;

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
            (PING, ACK, 8, true),
            (SETTINGS, 0, 0, true),
            (SETTINGS, ACK, 0, true),
            (PRIORITY, 0, 5, true),
            (PRIORITY_UPDATE, 0, 9, true),
            (RST_STREAM, 0, 4, true),
            (99, 0, 0, true),
            (DATA, 0, 0, true),
            (DATA, END_STREAM, 0, true),
            (DATA, 0, 10, false),
            (HEADERS, END_HEADERS, 1, false),
            (WINDOW_UPDATE, 0, 4, true),
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

    #[test]
    fn requests_and_responses_explain_some_frames() {
        let now = Instant::now();
        for (kind, payload, is_explained) in
            [(WINDOW_UPDATE, 4, true), (PRIORITY_UPDATE, 9, true), (PING, 8, false)]
        {
            let mut requests = http2(now);
            let request = [frame(HEADERS, END_HEADERS, 1), frame(kind, 0, payload)].concat();
            let expected = if is_explained { Received::Frames } else { Received::Flood };
            assert_eq!(requests.read(&request.repeat(3_000), now), expected, "{kind}");
            let mut responses = http2(now);
            responses.sent(100_000);
            let frames = frame(kind, 0, payload).repeat(3_000);
            assert_eq!(responses.read(&frames, now), expected, "{kind}");
        }
    }
}
