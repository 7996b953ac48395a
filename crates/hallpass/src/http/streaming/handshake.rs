//! The opening handshake of a WebSocket (RFC 6455 section 4.2).

use axum::body::Body;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::protocol;
use crate::http::graphql::rejection::Rejection;

/// Length of the nonce in `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;

/// A valid handshake.
pub(super) struct Handshake {
    on_upgrade: OnUpgrade,
    accept: HeaderValue,
    offers_subprotocol: bool,
}

impl Handshake {
    /// Reads the handshake from the head of a request.
    ///
    /// # Errors
    /// If it is not one.
    pub(super) fn read(head: &mut Parts) -> Result<Self, Rejection> {
        let headers = &head.headers;
        let is_http1 = head.version <= Version::HTTP_11;
        let wants_websocket = is_upgrade(&head.method, headers)
            && has_item(headers, &CONNECTION, "upgrade")
            && has_item(headers, &SEC_WEBSOCKET_VERSION, "13");
        let on_upgrade = head.extensions.remove::<OnUpgrade>();
        let Some(on_upgrade) = on_upgrade.filter(|_| is_http1 && wants_websocket) else {
            let message = "This endpoint requires a WebSocket upgrade with the subprotocol graphql-transport-ws.";
            return Err(Rejection::upgrade(message, "websocket"));
        };
        let accept = accept_key(headers).ok_or_else(|| {
            let message = "Send one Sec-WebSocket-Key header: 16 random bytes in base64 (RFC 6455, section 4.2.1).";
            Rejection::http(StatusCode::BAD_REQUEST, message)
        })?;
        let offers_subprotocol = has_item(headers, &SEC_WEBSOCKET_PROTOCOL, protocol::NAME);
        Ok(Self { on_upgrade, accept, offers_subprotocol })
    }

    /// Whether the client offers the subprotocol.
    pub(super) fn offers_subprotocol(&self) -> bool {
        self.offers_subprotocol
    }

    /// The response, and the connection after it.
    pub(super) fn accept(self) -> (Response, OnUpgrade) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept);
        if self.offers_subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol::NAME));
        }
        (response, self.on_upgrade)
    }
}

/// Whether the client requests a WebSocket (RFC 6455 section 4.1).
pub(crate) fn is_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && has_item(headers, &UPGRADE, "websocket")
}

/// Whether `item` is in the list that is the value of a header.
fn has_item(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut items = values.flat_map(|value| value.split(','));
    items.any(|it| it.trim().eq_ignore_ascii_case(item))
}

/// The response to the key of the client; `None` if it has none that is valid.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return None };
    let nonce = STANDARD.decode(key.as_bytes()).ok()?;
    let accept = (nonce.len() == KEY_BYTES).then(|| derive_accept_key(key.as_bytes()))?;
    HeaderValue::from_str(&accept).ok()
}
