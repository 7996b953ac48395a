//! The accept loop: ours, because axum's has no timer, and without one a client that sends its
//! headers a byte a minute holds a connection for ever.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::ServiceExt as _;

use super::address::Peer;

/// How long a client may take to send a request's headers, the wait between two requests included.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to read any part of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// How many connections are served at once; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// How long requests under way may take to finish once the server stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to wait after the system refused a connection, for want of file handles say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection that a request came by, for answers that last.
#[derive(Clone)]
pub(super) struct Connection {
    stop: CancellationToken,
    open: TaskTracker,
    place: Arc<OwnedSemaphorePermit>,
}

/// Keeps a connection's place, and the server from being done, after HTTP is over.
pub(super) struct Held {
    _open: TaskTrackerToken,
    _place: Arc<OwnedSemaphorePermit>,
}

impl Connection {
    /// Cancelled when the server stops: what lasts is to end then.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Holds it.
    pub(super) fn hold(&self) -> Held {
        Held { _open: self.open.token(), _place: Arc::clone(&self.place) }
    }
}

/// Serves `router` on `listener` until `stop`, then lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (stop, open) = (stop.clone(), connections.clone());
        let this = Connection { stop, open, place: Arc::new(place) };
        connections.spawn(connection(stream, peer, router.clone(), this));
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "some requests did not finish in time");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, Peer(peer), place)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, this: Connection) {
    // Small answers should leave at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be told to send at once");
    }
    let stop = this.stop();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(this.clone());
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
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

async fn answer(router: Router, request: Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
