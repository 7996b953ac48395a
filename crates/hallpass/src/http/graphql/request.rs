//! Parsing of GraphQL requests from HTTP requests (GraphQL-over-HTTP draft).

use std::ops::Deref;
use std::sync::Arc;

use async_graphql::Variables;
use axum::body::{Bytes, HttpBody};
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use super::rejection::Rejection;
use super::response::MediaType;
use crate::config::Limits;
use crate::graphql::is_idempotency_key;
use crate::http::KnownDocuments;
use crate::http::limits::body_bytes::{CountedBody, HeldBytes};
use crate::http::limits::document_cache::Document;
use crate::http::limits::persisted_queries::DocumentHash;
use crate::http::limits::trusted_documents::TrustedDocuments;
use crate::http::streaming::Framing;
use hallpass_identity::{Caller, StrictJson};

/// Integers up to this one are exact as floats: 2^53 - 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
/// The longest id of a document.
const MAX_ID_BYTES: usize = 255;

/// A GraphQL request.
pub(crate) struct GraphQlParams {
    /// The document. Empty, if the client persisted it and sent its hash only.
    pub(crate) query: String,
    /// The hash of the document, of a client that persists it. Once it is resolved: of a document to store.
    pub(crate) hash: Option<DocumentHash>,
    /// The id of a trusted document.
    pub(crate) document_id: Option<String>,
    /// The trusted document that the request runs.
    pub(crate) trusted: Option<Arc<Document>>,
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Variables,
    /// The key that makes its mutations idempotent.
    pub(crate) idempotency_key: Option<String>,
    /// Whether the response shows what is left of the caller's budget: `"extensions": {"budget": true}`.
    pub(crate) shows_budget: bool,
}

impl GraphQlParams {
    /// Fills in a document that is trusted or that the client persisted, or checks the one that it sent with its hash.
    /// Rejects a document that `caller` may not send.
    pub(crate) async fn resolve(
        mut self,
        known: &KnownDocuments,
        caller: Option<&Caller>,
    ) -> Result<Self, Rejection> {
        if let Some(trusted) = &known.trusted {
            self.trusted = self.find_trusted(trusted);
            if self.trusted.is_some() {
                self.hash = None;
                return Ok(self);
            }
            trusted.check_caller(caller, self.sent_id().is_some())?;
        }
        if self.document_id.is_some() {
            return Err(Rejection::query("No trusted document has this id.".to_owned()));
        }
        match self.hash.take() {
            Some(hash) if self.query.is_empty() => self.query = known.persisted.find(hash).await?,
            Some(hash) => {
                known.persisted.check(&hash, &self.query)?;
                self.hash = Some(hash);
            }
            None => {}
        }
        Ok(self)
    }

    /// The id of the document, or its hash, if the client has sent one.
    pub(crate) fn sent_id(&self) -> Option<&str> {
        self.document_id.as_deref().or_else(|| Some(self.hash.as_ref()?.as_str()))
    }

    fn find_trusted(&self, trusted: &TrustedDocuments) -> Option<Arc<Document>> {
        match (&self.document_id, &self.hash) {
            (Some(id), _) => trusted.by_id(id),
            (None, _) if !self.query.is_empty() => trusted.by_text(&self.query),
            (None, hash) => trusted.by_id(hash.as_ref()?.as_str()),
        }
    }
}

/// The body of a POST, whose bytes count until it is dropped.
pub(crate) struct JsonBody {
    bytes: Bytes,
    _held: HeldBytes,
}

impl Deref for JsonBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The key in the header `Idempotency-Key`, with or without the quotes of a structured field (RFC 8941).
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Rejection> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match values.next().is_none() && is_idempotency_key(bare) {
        true => Ok(Some(bare.to_owned())),
        false => {
            Err(malformed("Send one `Idempotency-Key`, of 1 to 255 visible ASCII characters."))
        }
    }
}

/// The media type of the response, by `Accept`. Without `Accept`, JSON.
pub(crate) fn negotiate(headers: &HeaderMap) -> Option<MediaType> {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return Some(MediaType::Json);
    }
    let mut best: Option<(f32, MediaType)> = None;
    for range in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => MediaType::GraphqlResponse,
            "application/json" | "application/*" | "*/*" => MediaType::Json,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .and_then(|quality| quality.parse().ok())
            .unwrap_or(1.0_f32);
        if quality > 0.0 && best.is_none_or(|(other, _)| quality > other) {
            best = Some((quality, media));
        }
    }
    best.map(|(_, media)| media)
}

/// Whether a browser navigates to a page.
pub(crate) fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && accepts(headers, "text/html")
}

/// The stream that the client accepts; of both, events.
pub(crate) fn accepted_stream(method: &Method, headers: &HeaderMap) -> Option<Framing> {
    if method != Method::POST {
        return None;
    }
    if accepts(headers, "text/event-stream") {
        return Some(Framing::Events);
    }
    // Other uses of multipart, such as incremental delivery, have other parameters.
    let is_subscription_spec = |range: &str| {
        range.split(';').skip(1).filter_map(|parameter| parameter.split_once('=')).any(
            |(name, value)| {
                let is_version_1 = value.trim().trim_matches('"') == "1.0";
                name.trim().eq_ignore_ascii_case("subscriptionSpec") && is_version_1
            },
        )
    };
    let multipart = ranges(headers, "multipart/mixed").any(is_subscription_spec);
    multipart.then_some(Framing::Multipart)
}

fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    ranges(headers, wanted).next().is_some()
}

/// The media ranges of `Accept` for the media type `wanted`.
fn ranges<'a>(headers: &'a HeaderMap, wanted: &str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter(move |range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case(wanted)
    })
}

/// Checks method and media type. Only JSON is accepted: browsers send other media types across origins without a
/// CORS preflight.
pub(crate) fn check_request_head(method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Rejection::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the body uncompressed: Content-Encoding is not supported.",
        ));
    }
    if headers.get_all(CONTENT_TYPE).iter().nth(1).is_some() {
        return Err(Rejection::http(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send one `Content-Type`: there are several.",
        ));
    }
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    match (method, content_type) {
        (&Method::POST, Some(content_type)) | (&Method::GET, Some(content_type)) => {
            if is_json(content_type) {
                return Ok(());
            }
        }
        (&Method::GET, None) => return Ok(()),
        (&Method::POST, None) => {}
        _ => return Err(Rejection::method("Use POST, or GET for queries.", "GET, POST")),
    }
    Err(Rejection::http(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send the request as JSON, with `Content-Type: application/json`.",
    ))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json");
    is_json
        && parts.all(|part| match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Reads the body of a POST, within the size limit and the timeout. Its bytes count until the result is dropped.
pub(crate) async fn read_json_body(
    (body, held): (CountedBody, HeldBytes),
    limits: &Limits,
) -> Result<JsonBody, Rejection> {
    let too_large = || {
        let message = format!("Send at most {} bytes.", limits.body);
        Err(Rejection::http(StatusCode::PAYLOAD_TOO_LARGE, message))
    };
    if HttpBody::size_hint(&body).lower() > limits.body as u64 {
        return too_large();
    }
    let body = Limited::new(body, limits.body).collect();
    match tokio::time::timeout(limits.timeout, body).await {
        Ok(Ok(body)) => Ok(JsonBody { bytes: body.to_bytes(), _held: held }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => too_large(),
        Ok(Err(_)) => Err(held.rejection().unwrap_or_else(|| {
            Rejection::http(StatusCode::BAD_REQUEST, "The body is incomplete.")
        })),
        Err(_) => {
            Err(Rejection::http(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."))
        }
    }
}

/// Parses a JSON body. A duplicate member is rejected: a proxy or a log may use the other one.
pub(crate) fn from_body(body: &[u8]) -> Result<GraphQlParams, Rejection> {
    match StrictJson::parse(body) {
        Ok(Value::Object(members)) => from_members(members),
        Ok(Value::Array(_)) => Err(malformed("Send one operation per request, not a batch.")),
        Ok(_) => Err(malformed("Send a JSON object with a `query`.")),
        Err(error) if error.is_data() => Err(malformed(format!("{error}."))),
        Err(error) => Err(malformed(format!(
            "The body is not valid JSON, or nested too deeply: see line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}

/// Parses the query string of a GET, in which `variables` and `extensions` are JSON. What is empty is not given.
pub(crate) fn from_query_string(query: &str) -> Result<GraphQlParams, Rejection> {
    let mut members = Map::new();
    for (name, value) in reqwest::Url::parse(&format!("http://query/?{query}"))
        .map_err(|_| malformed("The query string is malformed."))?
        .query_pairs()
    {
        let value = match name.as_ref() {
            _ if value.is_empty() => Value::Null,
            "variables" | "extensions" => {
                StrictJson::parse(value.as_bytes()).map_err(|error| match error.is_data() {
                    true => malformed(format!("In `{name}`, {error}.")),
                    false => malformed(format!("`{name}` is not valid JSON.")),
                })?
            }
            _ => Value::String(value.into_owned()),
        };
        if members.insert(name.to_string(), value).is_some() {
            return Err(malformed(format!("`{name}` is repeated.")));
        }
    }
    from_members(members)
}

fn from_members(mut members: Map<String, Value>) -> Result<GraphQlParams, Rejection> {
    let query = match members.remove("query") {
        Some(Value::String(query)) => Some(query),
        None | Some(Value::Null) => None,
        Some(_) => return Err(malformed("`query` must be a string.")),
    };
    let operation_name = match members.remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
        Some(_) => return Err(malformed("`operationName` must be a string.")),
    };
    let variables = match members.remove("variables") {
        None | Some(Value::Null) => Variables::default(),
        Some(mut variables @ Value::Object(_)) => {
            as_integers(&mut variables);
            Variables::from_json(variables)
        }
        Some(_) => return Err(malformed("`variables` must be an object.")),
    };
    let extensions = match members.remove("extensions") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(extensions)) => extensions,
        Some(_) => return Err(malformed("`extensions` must be an object.")),
    };
    let hash = DocumentHash::of_extensions(&extensions).map_err(malformed)?;
    let document_id = document_id(&mut members)?;
    let has_id = hash.is_some() || document_id.is_some();
    let query = query.filter(|query| !has_id || !query.is_empty());
    if query.is_some() && document_id.is_some() {
        return Err(malformed("Send a `query` or a `documentId`, not both."));
    }
    if query.is_none() && !has_id {
        return Err(malformed("Send a `query`."));
    }
    Ok(GraphQlParams {
        query: query.unwrap_or_default(),
        hash,
        document_id,
        trusted: None,
        operation_name,
        variables,
        idempotency_key: None,
        shows_budget: extensions.get("budget") == Some(&Value::Bool(true)),
    })
}

/// Replaces numbers without a fraction, such as `1.0`, by integers: JSON has one type of numbers, and some languages write
/// each as a float.
fn as_integers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            let integer = float.filter(|it| it.fract() == 0.0 && it.abs() <= MAX_SAFE_INTEGER);
            if let Some(integer) = integer.and_then(|it| format!("{it:.0}").parse::<i64>().ok()) {
                *number = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_integers),
        Value::Object(members) => members.values_mut().for_each(as_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The id of a trusted document: `documentId` (draft appendix "Persisted Documents" of GraphQL over HTTP), or `doc_id`,
/// the name in Relay's documentation.
fn document_id(members: &mut Map<String, Value>) -> Result<Option<String>, Rejection> {
    let [id, relay] =
        ["documentId", "doc_id"].map(|name| members.remove(name).filter(|id| !id.is_null()));
    if relay.is_some() && id.is_some() && id != relay {
        return Err(malformed("Send a `documentId` or a `doc_id`, not two that differ."));
    }
    match id.or(relay) {
        None => Ok(None),
        Some(Value::String(id)) if (1..=MAX_ID_BYTES).contains(&id.len()) => Ok(Some(id)),
        Some(_) => Err(malformed("`documentId` must be a string of 1 to 255 bytes.")),
    }
}

fn malformed(message: impl Into<String>) -> Rejection {
    Rejection::http(StatusCode::BAD_REQUEST, message)
}
