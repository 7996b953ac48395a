//! `GET /graphql/ws`: a socket is opened, and closed for a reason that is told.
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

use super::line::{Line, Over};
use super::protocol::{self, Close, Heard, Say};
use super::seats::Seat;
use super::session::Session;
use super::{Permit, Resource};
use crate::http::Shared;
use crate::http::address::{Peer, end_user};
use crate::http::answer::{MediaType, Rejection, RequestId};
use crate::http::asking::{Asker, check_origin};
use crate::http::server::Connection;
use crate::identity::Caller;

/// What is read at once. There may be thousands of sockets.
const BUFFER: usize = 8 * 1024;

pub(in crate::http) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(peer): Extension<Peer>,
    Extension(connection): Extension<Connection>,
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
    shared: Arc<Shared>,
    peer: Peer,
    connection: &Connection,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
    id: RequestId,
) -> Result<Response, Rejection> {
    check_origin(&shared.parts, &headers, &id)?;
    let address = end_user(peer, &headers, &shared.parts.trusted_proxies);
    // Who it is turns out once the socket is open.
    let mut seat = shared.seats.take(address, false)?;
    let (held, connection) = (connection.hold(), connection.clone());
    // Twice as much as is accepted, so that who sends a little too much can be told.
    let most = shared.parts.limits.body.saturating_mul(2);
    let upgrade = upgrade
        .protocols([protocol::NAME])
        .max_message_size(most)
        .max_frame_size(most)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0);
    let span = tracing::Span::current();
    let talk = move |socket| async move {
        let line = Line::new(shared, connection, id, socket);
        line.serve(peer, headers, &mut seat).await;
        drop((seat, held));
    };
    Ok(upgrade.on_upgrade(move |socket| talk(socket).instrument(span)))
}

impl Line {
    async fn serve(mut self, peer: Peer, handshake: HeaderMap, seat: &mut Seat) {
        let over = match self.greet(peer, handshake).await {
            Ok((asker, caller, _permit)) => {
                if caller.is_some() {
                    seat.sign_in();
                }
                Session::new(&mut self, asker).go_on(caller).await
            }
            Err(over) => over,
        };
        if let Over::Close(close) = over {
            tracing::debug!(?close, "a socket is closed");
            if self.send(close.message()).await.is_err() {
                return;
            }
        }
        self.part().await;
    }

    /// Finds out who is there.
    async fn greet(
        &mut self,
        peer: Peer,
        handshake: HeaderMap,
    ) -> Result<(Arc<Asker>, Option<Arc<Caller>>, Option<Permit>), Over> {
        if !self.speaks() {
            return Err(Close::subprotocol().into());
        }
        let stop = self.stop.clone();
        let patience = self.shared.parts.limits.timeout;
        let introduced = tokio::select! {
            () = stop.cancelled() => return Err(Close::going_away().into()),
            introduced = tokio::time::timeout(patience, self.introduction(handshake)) => introduced,
        };
        let headers = introduced.map_err(|_| Close::init_timeout())??;
        // The page showed itself by its origin, which was checked: a handshake cannot be a POST.
        let asker = Asker::new(&self.shared.parts, peer, Method::POST, headers);
        let caller = asker.caller(&self.shared.parts, &self.id).await;
        let caller = caller.map_err(|rejection| Close::rejected(&rejection))?;
        let permit = self.shared.quotas.take(caller.as_deref(), Resource::Connection);
        let permit = permit.map_err(|rejection| Close::rejected(&rejection))?;
        self.say(&Say::ConnectionAck).await?;
        Ok((Arc::new(asker), caller, permit))
    }

    /// What the client shows, in its handshake and in its first words.
    async fn introduction(&mut self, handshake: HeaderMap) -> Result<HeaderMap, Over> {
        loop {
            let Some(text) = self.hear().await? else { continue };
            match Heard::read(&text)? {
                Heard::Init(None) => return Ok(handshake),
                Heard::Init(Some(payload)) => {
                    let authenticator = &self.shared.parts.authenticator;
                    let shown = authenticator.shown_together(handshake, payload.get());
                    let why = "give a `payload` that is an object with each member once";
                    return shown.ok_or_else(|| Close::invalid(why).into());
                }
                Heard::Subscribe(..) => return Err(Close::unauthorized().into()),
                Heard::Ping => self.say(&Say::Pong).await?,
                Heard::Pong | Heard::Complete(_) => {}
            }
        }
    }
}
