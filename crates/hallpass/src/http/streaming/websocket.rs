//! `GET /graphql/ws`, or `GET /graphql` with `Upgrade: websocket`: upgrade to a WebSocket, and its `connection_init`
//! handshake.
//!
//! The same rules apply as to any request: pages of other origins are rejected, and the caller is authenticated from
//! the headers of the handshake and the payload of `connection_init` together.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::Instrument as _;

use super::Permit;
use super::connection_limit::{ConnectionPermit, Holder, held};
use super::frame_limit::FrameLimit;
use super::handshake::Handshake;
use super::protocol::{AckPayload, ClientMessage, Close, ServerMessage};
use super::session::Session;
use super::transport::{Disconnect, Transport};
use crate::http::HttpState;
use crate::http::client_ip::{PeerAddr, client_ip};
use crate::http::front::Arrival;
use crate::http::graphql::authenticate::{RequestIdentity, check_origin};
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::response::{MediaType, RequestId};
use crate::http::ops::request_record::RequestRecord;
use crate::http::server::ConnectionHandle;
use hallpass_identity::Caller;

/// Read buffer per socket: small, because there may be thousands of sockets.
const READ_BUFFER_BYTES: usize = 2 * 1024;

/// The route of sockets.
pub(crate) async fn route(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(record): Extension<RequestRecord>,
    Extension(peer): Extension<PeerAddr>,
    Extension(connection): Extension<ConnectionHandle>,
    request: Request<Body>,
) -> Response {
    open(shared, Arrival { id, record, peer, connection }, request).await
}

/// Opens a socket, on its route or on that of GraphQL.
pub(crate) async fn open(
    shared: Arc<HttpState>,
    Arrival { id, record, peer, connection }: Arrival,
    request: Request<Body>,
) -> Response {
    let (mut head, _) = request.into_parts();
    let upgraded = Handshake::read(&mut head)
        .and_then(|upgrade| accept(shared, peer, &connection, head.headers, upgrade, id.clone()));
    upgraded.unwrap_or_else(|rejection| {
        record.rejected(&rejection);
        rejection.into_response(MediaType::GraphqlResponse, &id)
    })
}

fn accept(
    shared: Arc<HttpState>,
    peer: PeerAddr,
    connection: &ConnectionHandle,
    headers: HeaderMap,
    upgrade: Handshake,
    id: RequestId,
) -> Result<Response, Rejection> {
    check_origin(&shared.deps, &headers, &id)?;
    let address = client_ip(peer, &headers, &shared.deps.options.trusted_proxies);
    // The caller is authenticated once the socket is open.
    let mut connection_permit = shared.connections.acquire(address, Holder::Unknown)?;
    let (guard, connection) = (connection.register(), connection.clone());
    // Twice the limit, so that a message slightly above it is answered with close code 1009.
    let limit = shared.deps.options.limits.body.saturating_mul(2);
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0);
    let (span, request) = (tracing::Span::current(), id.clone());
    let offers_subprotocol = upgrade.offers_subprotocol();
    let (response, on_upgrade) = upgrade.accept();
    let serve = async move {
        let Ok(upgraded) = on_upgrade.await else { return };
        let frames = FrameLimit::new(TokioIo::new(upgraded));
        let socket = WebSocketStream::from_raw_socket(frames, Role::Server, Some(config)).await;
        let transport = Transport::new(shared, connection, id, socket, offers_subprotocol);
        Box::new(transport).serve(peer, headers, &mut connection_permit).await;
        drop((connection_permit, guard));
    };
    tokio::spawn(request.scope(serve).instrument(span));
    Ok(response)
}

impl Transport {
    // The phases are boxed: the future is kept for as long as the socket is open.
    async fn serve(
        mut self: Box<Self>,
        peer: PeerAddr,
        handshake: HeaderMap,
        connection_permit: &mut ConnectionPermit,
    ) {
        let proxies = &self.shared.deps.options.trusted_proxies;
        let record = RequestRecord::of(client_ip(peer, &handshake, proxies), &handshake);
        let handshake = Box::pin(self.handshake(peer, handshake, &record, connection_permit));
        let disconnect = match handshake.await {
            Ok((identity, caller, _permit)) => {
                Box::pin(Session::new(&mut self, identity).run(caller)).await
            }
            Err(disconnect) => disconnect,
        };
        if let Disconnect::Close(close) = disconnect {
            record.finish_socket(&self.id, close.code(), close.error(), &self.shared.log_hash);
            if !self.send_close(close).await {
                return;
            }
        }
        self.drain_and_close().await;
    }

    /// Authenticates the client and acknowledges the connection.
    async fn handshake(
        &mut self,
        peer: PeerAddr,
        handshake: HeaderMap,
        record: &RequestRecord,
        connection_permit: &mut ConnectionPermit,
    ) -> Result<(Arc<RequestIdentity>, Option<Arc<Caller>>, Option<Permit>), Disconnect> {
        if !self.offers_subprotocol {
            return Err(Close::subprotocol().into());
        }
        let stop = self.stop.clone();
        let timeout = self.shared.deps.options.limits.timeout;
        let initialized = tokio::select! {
            () = stop.cancelled() => return Err(Close::going_away().into()),
            initialized = tokio::time::timeout(timeout, self.read_connection_init(handshake)) => initialized,
        };
        let headers = detached(initialized.map_err(|_| Close::init_timeout())??);
        // The origin has been checked, so CSRF checks by method do not apply: a handshake cannot be a POST.
        let identity = RequestIdentity::new(&self.shared.deps, peer, Method::POST, headers);
        let caller = identity.identify(&self.shared.deps, &self.id, record).await;
        let caller = caller.map_err(|rejection| Close::rejected(&rejection))?;
        let authenticated = connection_permit.authenticated(Holder::of(caller.as_deref()));
        authenticated.map_err(|rejection| Close::rejected(&rejection))?;
        let permit = self.shared.caller_limits.acquire_connection(caller.as_deref());
        let permit = permit.map_err(|rejection| Close::rejected(&rejection))?;
        record.holds_streams(held(connection_permit, permit.as_ref()));
        record.socket_opened(&self.id, &self.shared.log_hash);
        let payload = caller.as_ref().map(|caller| AckPayload { expires_at: caller.expires_at() });
        self.send_message(&ServerMessage::ConnectionAck { payload }).await?;
        Ok((Arc::new(identity), caller, permit))
    }

    /// The credentials of the handshake and of `connection_init`, as headers.
    async fn read_connection_init(
        &mut self,
        handshake: HeaderMap,
    ) -> Result<HeaderMap, Disconnect> {
        loop {
            let Some(text) = self.recv().await? else { continue };
            match ClientMessage::read(&text)? {
                ClientMessage::Init(None) => return Ok(handshake),
                ClientMessage::Init(Some(payload)) => {
                    let authenticator = &self.shared.deps.authenticator;
                    let merged = authenticator.merge_connection_init(handshake, payload.get());
                    return merged.map_err(|invalid| Close::invalid(&invalid.to_string()).into());
                }
                ClientMessage::Subscribe(..) => return Err(Close::unauthorized().into()),
                ClientMessage::Ping => self.send_message(&ServerMessage::Pong).await?,
                ClientMessage::Pong | ClientMessage::Complete(_) => {}
            }
        }
    }
}

/// Copies the values of `headers`. hyper's are parts of its read buffer of 8 KiB, which the socket would keep.
fn detached(mut headers: HeaderMap) -> HeaderMap {
    for value in headers.values_mut() {
        if let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
    headers
}
