//! `GET /graphql/ws`: upgrades to a WebSocket, and closes it with a code.
//!
//! The same door as any request: a page of another origin is not let in, and who asks is decided by the
//! same rules, from the headers of the handshake and the payload of `connection_init` together.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use tracing::Instrument as _;

use super::connection_limit::ConnectionPermit;
use super::protocol;
use super::protocol::{ClientMessage, Close, ServerMessage};
use super::session::Session;
use super::transport::{Disconnect, Transport};
use super::{Permit, Resource};
use crate::http::HttpState;
use crate::http::client_ip::{PeerAddr, client_ip};
use crate::http::graphql::authenticate::{RequestIdentity, check_origin};
use crate::http::graphql::response::{MediaType, Rejection, RequestId};
use crate::http::server::ConnectionHandle;
use crate::identity::Caller;

/// What is read at once. There may be thousands of sockets.
const READ_BUFFER_BYTES: usize = 8 * 1024;

pub(crate) async fn open(
    State(shared): State<Arc<HttpState>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<PeerAddr>,
    Extension(connection): Extension<ConnectionHandle>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgraded = upgrade
        .map_err(|_| {
            let message = "This address is for WebSockets that speak graphql-transport-ws.";
            Rejection::upgrade(message, "websocket")
        })
        .and_then(|upgrade| accept(shared, peer, &connection, headers, upgrade, id.clone()));
    upgraded.unwrap_or_else(|rejection| rejection.into_response(MediaType::GraphqlResponse, &id))
}

fn accept(
    shared: Arc<HttpState>,
    peer: PeerAddr,
    connection: &ConnectionHandle,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
    id: RequestId,
) -> Result<Response, Rejection> {
    check_origin(&shared.parts, &headers, &id)?;
    let address = client_ip(peer, &headers, &shared.parts.trusted_proxies);
    // Who it is turns out once the socket is open.
    let mut seat = shared.seats.acquire(address, false)?;
    let (held, connection) = (connection.register(), connection.clone());
    // Twice as much as is accepted, so that who sends a little too much can be told.
    let most = shared.parts.limits.body.saturating_mul(2);
    let upgrade = upgrade
        .protocols([protocol::NAME])
        .max_message_size(most)
        .max_frame_size(most)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0);
    let span = tracing::Span::current();
    let talk = move |socket| async move {
        let line = Transport::new(shared, connection, id, socket);
        line.serve(peer, headers, &mut seat).await;
        drop((seat, held));
    };
    Ok(upgrade.on_upgrade(move |socket| talk(socket).instrument(span)))
}

impl Transport {
    async fn serve(mut self, peer: PeerAddr, handshake: HeaderMap, seat: &mut ConnectionPermit) {
        let over = match self.handshake(peer, handshake).await {
            Ok((asker, caller, _permit)) => {
                if caller.is_some() {
                    seat.sign_in();
                }
                Session::new(&mut self, asker).run(caller).await
            }
            Err(over) => over,
        };
        if let Disconnect::Close(close) = over {
            tracing::debug!(?close, "a socket is closed");
            if self.send(close.message()).await.is_err() {
                return;
            }
        }
        self.drain_and_close().await;
    }

    /// Finds out who is there.
    async fn handshake(
        &mut self,
        peer: PeerAddr,
        handshake: HeaderMap,
    ) -> Result<(Arc<RequestIdentity>, Option<Arc<Caller>>, Option<Permit>), Disconnect> {
        if !self.offers_subprotocol() {
            return Err(Close::subprotocol().into());
        }
        let stop = self.stop.clone();
        let patience = self.shared.parts.limits.timeout;
        let introduced = tokio::select! {
            () = stop.cancelled() => return Err(Close::going_away().into()),
            introduced = tokio::time::timeout(patience, self.read_connection_init(handshake)) => introduced,
        };
        let headers = introduced.map_err(|_| Close::init_timeout())??;
        // The page showed itself by its origin, which was checked: a handshake cannot be a POST.
        let asker = RequestIdentity::new(&self.shared.parts, peer, Method::POST, headers);
        let caller = asker.caller(&self.shared.parts, &self.id).await;
        let caller = caller.map_err(|rejection| Close::rejected(&rejection))?;
        let permit = self.shared.quotas.acquire(caller.as_deref(), Resource::Connection);
        let permit = permit.map_err(|rejection| Close::rejected(&rejection))?;
        self.send_message(&ServerMessage::ConnectionAck).await?;
        Ok((Arc::new(asker), caller, permit))
    }

    /// What the client shows, in its handshake and in its first words.
    async fn read_connection_init(
        &mut self,
        handshake: HeaderMap,
    ) -> Result<HeaderMap, Disconnect> {
        loop {
            let Some(text) = self.recv().await? else { continue };
            match ClientMessage::read(&text)? {
                ClientMessage::Init(None) => return Ok(handshake),
                ClientMessage::Init(Some(payload)) => {
                    let authenticator = &self.shared.parts.authenticator;
                    let shown = authenticator.merge_connection_init(handshake, payload.get());
                    let why = "give a `payload` that is an object with each member once";
                    return shown.ok_or_else(|| Close::invalid(why).into());
                }
                ClientMessage::Subscribe(..) => return Err(Close::unauthorized().into()),
                ClientMessage::Ping => self.send_message(&ServerMessage::Pong).await?,
                ClientMessage::Pong | ClientMessage::Complete(_) => {}
            }
        }
    }
}
