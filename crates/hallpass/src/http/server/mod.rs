//! HTTP/1.1 and HTTP/2 server: accept loop and connections. Replaces `axum::serve`, which has no limits for slow clients and for
//! clients with many connections.
//!
//! `listener` and `stream` are its sockets, `table` holds the open connections and evicts idle ones, `progress` tracks the timeouts of a connection, `transport` is
//! its byte stream, `frames` reads what a client sends, `frame_budget` limits it, `header_case` writes a name for clients that compare its case, and `http2` has the limits of streams.

mod files;
mod frame_budget;
mod frames;
mod header_case;
mod host;
mod http2;
mod listener;
mod progress;
mod stream;
mod table;
mod transport;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::client_ip::{ClientNetwork, PeerAddr, is_trusted};
use http2::PiecewiseBody;
pub(super) use progress::write_timeout;
use stream::Stream;
use table::{BusyGuard, ConnectionLimits, ConnectionSlot, RejectReason, Table};
use transport::Transport;

pub use files::raise_limit as raise_file_limit;
pub use listener::{BoundUnixSocket, Listener};

/// Open connections.
const MAX_CONNECTIONS: usize = 4096;
/// Open connections of one client address (IPv6: /64 network).
const MAX_CONNECTIONS_PER_CLIENT: usize = 512;
/// Unsent response bytes of the clients of one address.
const MAX_UNSENT_BYTES_PER_CLIENT: usize = 64 * 1024 * 1024;
/// Unsent response bytes of all clients together.
const MAX_UNSENT_BYTES: usize = 256 * 1024 * 1024;
/// How long a client may take to send the first byte after connecting.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);
/// Size limit of a request head, in bytes; hyper accepts at most 100 headers. Larger heads get 431.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long running requests may take to complete after the listener is closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection stays open after the listener is closed: a request may be in transit, or not read yet.
const LAST_REQUEST_TIME: Duration = Duration::from_millis(250);
/// How long to wait after a failed accept.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Options of the server.
#[derive(Clone)]
pub struct ServeOptions {
    /// How long a connection may be idle between two requests.
    pub keep_alive: Duration,
    /// Trusted proxies. Their connections carry many clients, and have no per-client limit.
    pub trusted_proxies: Vec<IpNet>,
    /// Cancelled when the server begins to stop: responses then close their connection.
    pub draining: CancellationToken,
    /// Cancelled when the server stops accepting connections.
    pub stop: CancellationToken,
}

/// Handle of the connection of a request, for streaming responses.
#[derive(Clone)]
pub(crate) struct ConnectionHandle {
    draining: CancellationToken,
    stop: CancellationToken,
    open: TaskTracker,
    slot: Arc<ConnectionSlot>,
}

/// Keeps the slot of an upgraded connection, and the server running until it is dropped.
pub(super) struct ConnectionGuard {
    _open: TaskTrackerToken,
    _busy: Option<BusyGuard>,
}

impl ConnectionHandle {
    /// Cancelled when the server stops: streams end then.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// After the connection is dropped, reads and discards input for a moment, so that the last bytes sent reach the
    /// client.
    pub(super) fn linger(&self) {
        self.slot.linger();
    }

    /// Registers an upgraded connection.
    pub(super) fn register(&self) -> ConnectionGuard {
        ConnectionGuard { _open: self.open.token(), _busy: self.slot.begin() }
    }
}

/// What responds to the requests of a listener.
pub(crate) trait Respond: Clone + Send + Sync + 'static {
    /// Responds to a request that `peer` sent over `connection`.
    fn respond(
        &self,
        request: Request<Body>,
        peer: PeerAddr,
        connection: &ConnectionHandle,
    ) -> impl Future<Output = Response> + Send;
}

/// Handlers have the peer and the connection in the extensions of a request.
impl Respond for Router {
    async fn respond(
        &self,
        mut request: Request<Body>,
        peer: PeerAddr,
        connection: &ConnectionHandle,
    ) -> Response {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(connection.clone());
        match self.clone().oneshot(request).await {
            Ok(response) => response,
            Err(infallible) => match infallible {},
        }
    }
}

/// Serves `service` on `listener` until `options.stop`, then waits for running requests.
pub(crate) async fn serve(listener: Listener, service: impl Respond, options: ServeOptions) {
    let table = Table::new(ConnectionLimits {
        total: files::connections(MAX_CONNECTIONS),
        per_client: MAX_CONNECTIONS_PER_CLIENT,
        unsent_per_client: MAX_UNSENT_BYTES_PER_CLIENT,
        unsent: MAX_UNSENT_BYTES,
        keep_alive: options.keep_alive,
    });
    let sweeping = Arc::clone(&table);
    let server = Server { table, service, options, open: TaskTracker::new() };
    tokio::select! {
        () = server.run(listener) => {}
        () = sweeping.sweep() => {}
    }
}

struct Server<S> {
    table: Arc<Table>,
    service: S,
    options: ServeOptions,
    open: TaskTracker,
}

impl<S: Respond> Server<S> {
    async fn run(&self, listener: Listener) {
        loop {
            let accepted = tokio::select! {
                () = self.options.stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    // Most likely out of file descriptors.
                    if !self.table.evict() {
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        match listener.close().await {
            Ok(pending) => pending.into_iter().for_each(|(stream, peer)| self.accept(stream, peer)),
            Err(error) => tracing::warn!(%error, "failed to accept the last connections"),
        }
        self.open.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.open.wait()).await.is_err() {
            tracing::warn!(
                open = self.open.len(),
                "connections closed before their requests completed: drain timeout"
            );
        }
    }

    fn accept(&self, stream: Stream, peer: PeerAddr) {
        let client = match peer {
            PeerAddr::Tcp(address) if !is_trusted(address, &self.options.trusted_proxies) => {
                Some(ClientNetwork::of(address))
            }
            PeerAddr::Tcp(_) | PeerAddr::Unix => None,
        };
        let slot = match self.table.admit(client) {
            Ok(slot) => slot,
            Err(reason) => return reject(&stream, reason),
        };
        let handle = ConnectionHandle {
            draining: self.options.draining.clone(),
            stop: self.options.stop.clone(),
            open: self.open.clone(),
            slot: Arc::clone(&slot),
        };
        let task = self.open.spawn(connection(stream, peer, self.service.clone(), handle));
        slot.served_by(task.abort_handle());
    }
}

/// Sends the status to a connection that is not admitted, without waiting.
fn reject(stream: &Stream, reason: RejectReason) {
    let status = match reason {
        RejectReason::Client => "429 Too Many Requests",
        RejectReason::Server => "503 Service Unavailable",
    };
    let response = format!(
        "HTTP/1.1 {status}\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let sent = stream.try_write(response.as_bytes());
    tracing::debug!(?reason, sent = sent.is_ok(), "connection rejected");
}

async fn connection(
    stream: Stream,
    peer: PeerAddr,
    service: impl Respond,
    handle: ConnectionHandle,
) {
    stream.set_nodelay();
    let (stop, slot) = (handle.stop(), Arc::clone(&handle.slot));
    let builder = http2::builder(&handle.open);
    let transport = Transport::new(stream, Arc::clone(&handle.slot));
    let shared = Arc::new((service, handle));
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let (service, handle) = &*shared;
            Ok::<_, Infallible>(respond(service, request, peer, handle).await)
        }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(transport), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = stopped(&stop) => None,
        () = slot.goaway().cancelled() => None,
    };
    let served = match served {
        Some(served) => served,
        None => {
            slot.progress().close_soon();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended with an error");
    }
}

/// Ends a moment after `stop`.
async fn stopped(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_REQUEST_TIME).await;
}

/// Responds to a request. The connection is busy until the last byte of the body is handed to it.
async fn respond(
    service: &impl Respond,
    mut request: Request<Incoming>,
    peer: PeerAddr,
    handle: &ConnectionHandle,
) -> Response {
    let Some(busy) = handle.slot.begin() else {
        return close_with(
            request.version(),
            StatusCode::SERVICE_UNAVAILABLE,
            "The connection is being closed.\n",
        );
    };
    let (version, is_head) = (request.version(), request.method() == Method::HEAD);
    if !host::set_from_authority(&mut request) || !host::is_valid(version, request.headers()) {
        let message = "Send exactly one Host header, with a host and an optional port (RFC 9112, section 3.2).\n";
        return close_with(version, StatusCode::BAD_REQUEST, message);
    }
    let mut response = service.respond(request.map(Body::new), peer, handle).await;
    if is_head {
        // HTTP/2 has no body in the response to HEAD, and hyper would send it (RFC 9113 section 8.1).
        response = response.map(|_| Body::empty());
    }
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if upgrades {
        handle.slot.upgrade();
    }
    let is_draining = handle.draining.is_cancelled();
    if host::is_http2(version) {
        if is_draining {
            handle.slot.goaway().cancel();
        }
        let slot = Arc::clone(&handle.slot);
        return response.map(|body| Body::new(PiecewiseBody::new(body, slot, busy)));
    }
    if is_draining && !upgrades {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| {
        Body::new(body.map_err(move |error| {
            // Owned by the body: when the body is dropped, the request is complete.
            let _busy = &busy;
            error
        }))
    })
}

/// A response after which an HTTP/1.1 connection is closed.
fn close_with(version: Version, status: StatusCode, message: &'static str) -> Response {
    let close =
        (!host::is_http2(version)).then(|| [(CONNECTION, HeaderValue::from_static("close"))]);
    (close, (status, message)).into_response()
}

#[cfg(test)]
#[path = "drain_tests.rs"]
mod tests;
