//! The end of the drain delay: the listener closes, and what was sent before is answered.

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::*;

/// Serves with everything cancelled, as at the end of the drain delay.
async fn serve_stopped(listener: Listener) {
    let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
    draining.cancel();
    stop.cancel();
    let keep_alive = Duration::from_secs(75);
    let options = ServeOptions { keep_alive, trusted_proxies: Vec::new(), draining, stop };
    serve(listener, Router::new().route("/", get(async || "served")), options).await;
}

async fn send(stream: &mut (impl tokio::io::AsyncWrite + Unpin)) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
}

async fn assert_served(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    assert!(response.ends_with("served"), "{response}");
}

#[tokio::test]
async fn pending_connections_are_served_at_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = TcpStream::connect(address).await.unwrap();
        send(&mut client).await;
        clients.push(client);
    }
    serve_stopped(listener.into()).await;
    for client in clients {
        assert_served(client).await;
    }
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn connection_during_the_close_is_not_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let is_closed = CancellationToken::new();
    let clients = (0..8).map(async |_| {
        while !is_closed.is_cancelled() {
            let connecting = tokio::time::timeout(LAST_REQUEST_TIME, TcpStream::connect(address));
            let Ok(Ok(mut client)) = connecting.await else { continue };
            send(&mut client).await;
            assert_served(client).await;
        }
    });
    let serving = async {
        serve_stopped(listener.into()).await;
        is_closed.cancel();
    };
    let connecting_while_closing = async {
        tokio::time::sleep(LAST_REQUEST_TIME / 10).await;
        tokio::time::timeout(LAST_REQUEST_TIME / 10, TcpStream::connect(address)).await
    };
    let (_, (), late) =
        tokio::join!(futures_util::future::join_all(clients), serving, connecting_while_closing);
    assert!(late.is_err(), "a handshake is answered although the server stops: {late:?}");
}

#[tokio::test]
async fn request_in_transit_at_the_end_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let sending = async {
        tokio::time::sleep(LAST_REQUEST_TIME / 4).await;
        send(&mut client).await;
    };
    tokio::join!(serve_stopped(listener.into()), sending);
    assert_served(client).await;
}

#[tokio::test]
async fn pending_unix_connections_are_served_at_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    let listener = BoundUnixSocket::bind(&path, 0o600).unwrap().listen(50).unwrap();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = UnixStream::connect(&path).await.unwrap();
        send(&mut client).await;
        clients.push(client);
    }
    serve_stopped(listener).await;
    for client in clients {
        assert_served(client).await;
    }
    assert!(!path.exists());
}
