//! The accept loop and its connections: ours, because axum's has no limits for clients that send or read
//! slowly, or open many connections.
//!
//! `table` knows the open connections and makes room among them, `progress` what each waits for and by
//! when, `transport` the bytes of one.

mod files;
mod host;
mod progress;
mod table;
mod transport;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::client_ip::{ClientNetwork, PeerAddr, is_trusted};
use table::{Bounds, Busy, ConnectionSlot, Full, Table};
use transport::Transport;

pub use files::raise_limit as raise_file_limit;

/// How many connections are open at once.
const MAX_CONNECTIONS: usize = 4096;
/// Of them, how many one client address (IPv6: network of 64 bits) has.
const MAX_CONNECTIONS_PER_CLIENT: usize = 512;
/// How many bytes of answers may wait for the clients of one address to read them.
const MAX_UNSENT_BYTES_PER_CLIENT: usize = 64 * 1024 * 1024;
/// How long a client may take to send the first byte of a connection's first request.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest head of a request, in bytes; the library accepts 100 headers at most. Beyond, 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long requests under way may take to finish once no connection is accepted any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after the system refused a connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How connections are served.
#[derive(Clone)]
pub struct ServeOptions {
    /// How long a connection may be idle between two requests.
    pub keep_alive: Duration,
    /// Proxies, whose connections are those of many clients.
    pub trusted_proxies: Vec<IpNet>,
    /// Cancelled once the server is about to stop: answers then close their connection.
    pub draining: CancellationToken,
    /// Cancelled when no connection is accepted any more.
    pub stop: CancellationToken,
}

/// The connection that a request came by, for answers that last.
#[derive(Clone)]
pub(crate) struct ConnectionHandle {
    draining: CancellationToken,
    stop: CancellationToken,
    open: TaskTracker,
    place: Arc<ConnectionSlot>,
}

/// Keeps a connection's place, and the server from being done, after HTTP is over.
pub(super) struct ConnectionGuard {
    _open: TaskTrackerToken,
    _busy: Option<Busy>,
}

impl ConnectionHandle {
    /// Cancelled when the server stops: what lasts is to end then.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Has what the client still sends read and dropped for a while once the connection is given up, so that the last
    /// bytes that were sent to it arrive.
    pub(super) fn linger(&self) {
        self.place.linger();
    }

    /// Holds it.
    pub(super) fn register(&self) -> ConnectionGuard {
        ConnectionGuard { _open: self.open.token(), _busy: self.place.begin() }
    }
}

/// Serves `router` on `listener` until `options.stop`, then lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, options: ServeOptions) {
    let table = Table::new(Bounds {
        total: files::connections(MAX_CONNECTIONS),
        per_client: MAX_CONNECTIONS_PER_CLIENT,
        unsent_per_client: MAX_UNSENT_BYTES_PER_CLIENT,
        keep_alive: options.keep_alive,
    });
    let sweeping = Arc::clone(&table);
    let server = Server { table, router, options, open: TaskTracker::new() };
    tokio::select! {
        () = server.run(listener) => {}
        () = sweeping.sweep() => {}
    }
}

struct Server {
    table: Arc<Table>,
    router: Router,
    options: ServeOptions,
    open: TaskTracker,
}

impl Server {
    async fn run(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.options.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, PeerAddr(peer)),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // For want of file handles, most likely.
                    if !self.table.evict() {
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        drop(listener);
        self.open.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.open.wait()).await.is_err() {
            tracing::warn!(open = self.open.len(), "some requests did not finish in time");
        }
    }

    fn accept(&self, stream: TcpStream, peer: PeerAddr) {
        let address = peer.0.ip();
        let is_proxy = is_trusted(address, &self.options.trusted_proxies);
        let client = (!is_proxy).then(|| ClientNetwork::of(address));
        let place = match self.table.admit(client) {
            Ok(place) => place,
            Err(full) => return turn_away(&stream, full),
        };
        let this = ConnectionHandle {
            draining: self.options.draining.clone(),
            stop: self.options.stop.clone(),
            open: self.open.clone(),
            place: Arc::clone(&place),
        };
        let task = self.open.spawn(connection(stream, peer, self.router.clone(), this));
        place.served_by(task.abort_handle());
    }
}

/// Answers a connection that is not admitted, as far as that is possible without waiting.
fn turn_away(stream: &TcpStream, full: Full) {
    let status = match full {
        Full::Client => "429 Too Many Requests",
        Full::Server => "503 Service Unavailable",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = stream.try_write(answer.as_bytes());
    tracing::debug!(?full, sent = sent.is_ok(), "a connection was turned away");
}

async fn connection(stream: TcpStream, peer: PeerAddr, router: Router, this: ConnectionHandle) {
    // Small answers should leave at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be told to send at once");
    }
    let stop = this.stop();
    let transport = Transport::new(stream, Arc::clone(&this.place));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(this.clone());
        let (router, this) = (router.clone(), this.clone());
        async move { Ok::<_, Infallible>(answer(router, request, &this).await) }
    });
    let connection = http1::Builder::new()
        // The table closes connections that take too long.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(transport), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// The answer to a request, which is under way until its last byte was handed to the connection.
async fn answer(router: Router, request: Request<Incoming>, this: &ConnectionHandle) -> Response {
    let Some(busy) = this.place.begin() else {
        return closing(StatusCode::SERVICE_UNAVAILABLE, "The connection is being closed.\n");
    };
    if !host::is_valid(request.version(), request.headers()) {
        let message =
            "Send one Host header, with a host and a port at most (RFC 9112, section 3.2).\n";
        return closing(StatusCode::BAD_REQUEST, message);
    }
    let mut response = match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if this.draining.is_cancelled() && !upgrades {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| {
        Body::new(body.map_err(move |error| {
            // The body owns it: dropped with the body, it ends the request.
            let _busy = &busy;
            error
        }))
    })
}

fn closing(status: StatusCode, message: &'static str) -> Response {
    ([(CONNECTION, HeaderValue::from_static("close"))], (status, message)).into_response()
}
