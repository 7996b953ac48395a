//! An HTTP/2 client that sends any frames.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any operation takes.
const TIMEOUT: Duration = Duration::from_secs(40);

/// Types of frames (RFC 9113 section 6).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    /// RFC 9218 section 7.1.
    pub const PRIORITY_UPDATE: u8 = 16;
}

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

#[derive(Debug, PartialEq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload.to_vec() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [&head[..], &self.payload].concat()
    }

    /// By how much a WINDOW_UPDATE opens the window.
    pub fn increment(&self) -> usize {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap()) as usize
    }
}

/// A connection after the preface.
pub struct RawHttp2(TcpStream);

impl RawHttp2 {
    /// The head of `GET /health`, in HPACK: indexed and literal fields.
    pub const GET_HEALTH: [u8; 22] = *b"\x82\x86\x04\x07/health\x01\x09127.0.0.1";

    pub async fn to(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        let mut raw = Self(stream);
        raw.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        raw.send(Frame::new(kind::SETTINGS, 0, 0, &[])).await.unwrap();
        raw
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await
    }

    pub async fn send(&mut self, frame: Frame) -> std::io::Result<()> {
        self.send_bytes(&frame.bytes()).await
    }

    /// `GET /health` on this stream.
    pub fn get(stream: u32) -> Vec<u8> {
        Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, &Self::GET_HEALTH).bytes()
    }

    pub async fn send_get(&mut self, stream: u32) -> std::io::Result<()> {
        self.send_bytes(&Self::get(stream)).await
    }

    /// The head of `POST /graphql`, whose body follows.
    pub async fn send_post(&mut self, stream: u32) -> std::io::Result<()> {
        let head = b"\x83\x86\x04\x08/graphql\x01\x09127.0.0.1\x0f\x10\x10application/json";
        self.send(Frame::new(kind::HEADERS, END_HEADERS, stream, head)).await
    }

    /// The same, of a signed-in caller.
    pub async fn send_signed_post(
        &mut self,
        stream: u32,
        authorization: &str,
    ) -> std::io::Result<()> {
        let head = b"\x83\x86\x04\x08/graphql\x01\x09127.0.0.1\x0f\x10\x10application/json";
        // `authorization` of the static table; the length has a prefix of 7 bits (RFC 7541 section 5.1).
        let long = authorization.len() - 127;
        let length =
            [0x7f, 0x80 | u8::try_from(long % 128).unwrap(), u8::try_from(long / 128).unwrap()];
        let head = [&head[..], &[0x0f, 8], &length, authorization.as_bytes()].concat();
        self.send(Frame::new(kind::HEADERS, END_HEADERS, stream, &head)).await
    }

    /// The next frame; `None` once the connection is closed. SETTINGS are acknowledged.
    pub async fn next(&mut self) -> Option<Frame> {
        let read = tokio::time::timeout(TIMEOUT, self.read()).await;
        let frame = read.expect("the server sends something or closes").ok()?;
        if frame.kind == kind::SETTINGS && frame.flags & ACK == 0 {
            let _ = self.send(Frame::new(kind::SETTINGS, ACK, 0, &[])).await;
        }
        Some(frame)
    }

    async fn read(&mut self) -> std::io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, first, second, third, fourth] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let stream = u32::from_be_bytes([first, second, third, fourth]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await?;
        Ok(Frame { kind, flags, stream, payload })
    }

    /// The error code with which the server closes the connection.
    pub async fn goaway_code(&mut self) -> u32 {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == kind::GOAWAY {
                code = Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        code.expect("the server sends GOAWAY before it closes the connection")
    }

    /// The body of the response on this stream; `None` if the stream or the connection ends before.
    pub async fn response_to(&mut self, stream: u32) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let frame = self.next().await?;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                kind::DATA => body.extend(frame.payload),
                kind::RST_STREAM => return None,
                _ => {}
            }
            if frame.flags & END_STREAM != 0 && matches!(frame.kind, kind::DATA | kind::HEADERS) {
                return Some(body);
            }
        }
    }
}
