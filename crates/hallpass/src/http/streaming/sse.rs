//! Server-sent events: `POST /graphql` with `Accept: text/event-stream`, the distinct connections mode of graphql-sse
//! (<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>).

use axum::body::Bytes;

use crate::http::graphql::response::ResponseBody;

pub(super) const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";
/// A comment, which clients ignore.
pub(super) const KEEP_ALIVE: &str = ":\n\n";
pub(super) const COMPLETE: &str = "event: complete\ndata: \n\n";

/// A `next` event. Compact JSON has no line breaks.
pub(super) fn next(content: &ResponseBody) -> Bytes {
    [&b"event: next\ndata: "[..], &content.to_json(), b"\n\n"].concat().into()
}
