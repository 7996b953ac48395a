//! Multipart subscriptions: `POST /graphql` with `Accept: multipart/mixed;subscriptionSpec=1.0`, as Apollo's clients send
//! it
//! (<https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol>).
//!
//! Each part ends with the delimiter of the next: clients process a part when its delimiter arrives. Compact JSON has no
//! line breaks, so no part contains a delimiter.

use axum::body::Bytes;

use crate::http::graphql::response::ResponseBody;

pub(super) const CONTENT_TYPE: &str = "multipart/mixed;boundary=\"-\";subscriptionSpec=1.0";
/// The first delimiter (RFC 2046 section 5.1.1).
pub(super) const START: &str = "\r\n---";
/// What turns the last delimiter into the closing one.
pub(super) const END: &str = "--\r\n";
/// A part that clients ignore.
pub(super) const HEARTBEAT: &str = "\r\ncontent-type: application/json\r\n\r\n{}\r\n---";

/// A part with a response of the operation.
pub(super) fn payload(content: &ResponseBody) -> Bytes {
    part(&[b"{\"payload\":", &content.to_json(), b"}"])
}

/// A part with an error that is none of the operation: the stream ends.
pub(super) fn failure(content: &ResponseBody) -> Bytes {
    let errors = serde_json::to_vec(&content.errors).expect("errors are plain JSON");
    part(&[b"{\"payload\":null,\"errors\":", &errors, b"}"])
}

fn part(json: &[&[u8]]) -> Bytes {
    let json = json.concat();
    [&b"\r\ncontent-type: application/json\r\n\r\n"[..], &json, START.as_bytes()].concat().into()
}
