//! A client that costs little itself: requests over keep-alive connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 32;

/// Sends `count` requests, in equal parts over the connections. `request` returns the bytes of the n-th one.
pub async fn send(port: u16, count: usize, request: &impl Fn(usize) -> Vec<u8>) {
    let connections = (0..CONNECTIONS).map(|number| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = Vec::with_capacity(64 * 1024);
        for nth in (number..count).step_by(CONNECTIONS) {
            stream.write_all(&request(nth)).await.unwrap();
            read(&mut stream, &mut buffer).await;
        }
    });
    futures_util::future::join_all(connections).await;
}

/// Reads one response, which must be one without errors.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    let end = loop {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "{}", String::from_utf8_lossy(buffer));
        if let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break head + 4;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.expect("a length").trim().parse().unwrap();
    while buffer.len() < end + length {
        assert!(stream.read_buf(buffer).await.unwrap() > 0);
    }
    let body = String::from_utf8_lossy(&buffer[end..]);
    assert!(head.starts_with("http/1.1 200") && !body.contains("\"errors\""), "{head}{body}");
}
