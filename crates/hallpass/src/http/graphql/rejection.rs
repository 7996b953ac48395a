//! Requests that are rejected before execution: status, error code, headers.

use std::time::Duration;

use async_graphql::{ErrorExtensionValues, ServerError, Value};
use axum::Json;
use axum::body::Body;
use axum::http::header::{ALLOW, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::budget::{BudgetExtension, whole_seconds};
use super::envelope::Extensions;
use super::media_type::MediaType;
use super::request_id::RequestId;
use super::response::{ResponseBody, add_request_id, first_line, respond, set_code};
use crate::code;
use crate::graphql::{InputProblem, describe_inputs};
use crate::http::limits::rate_limit::{Budget, Exceeded};

/// Part of the library's message about a field that is not in the schema of the caller.
const UNKNOWN_FIELD: &str = "does not have a field";
/// What an error about such a field says in development.
const EXPLAIN_HINT: &str = "The field is misspelled, or an access rule hides it from this caller: the command \
     `explain`, and Explain in GraphiQL, state which.";

/// A request that is rejected before execution.
pub(crate) struct Rejection {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// The budget that is spent, if that is the reason.
    budget: Option<Box<Budget>>,
    extensions: Option<Box<Extensions>>,
    /// The problems of the document or its variables, which may be several.
    errors: Vec<ServerError>,
    /// Whether the document is at fault, which `application/json` clients expect with status 200.
    is_document_error: bool,
    /// Whether a credential that was valid has expired.
    is_expiry: bool,
}

/// The response on a path of the application: `{"code": …, "message": …}`.
pub(in crate::http) fn plain(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

impl Rejection {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
            budget: None,
            extensions: None,
            errors: Vec::new(),
            is_document_error: false,
            is_expiry: false,
        }
    }

    /// The HTTP request is not a valid GraphQL request.
    pub(crate) fn http(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, code::BAD_USER_INPUT, message)
    }

    /// The method is not among `allowed`.
    pub(crate) fn method(message: &str, allowed: &'static str) -> Self {
        let header = Some(Box::new((ALLOW, HeaderValue::from_static(allowed))));
        Self { header, ..Self::http(StatusCode::METHOD_NOT_ALLOWED, message) }
    }

    /// The path requires an upgrade to another protocol (RFC 9110 section 15.5.22).
    pub(crate) fn upgrade(message: &str, protocol: &'static str) -> Self {
        let header = Some(Box::new((UPGRADE, HeaderValue::from_static(protocol))));
        Self { header, ..Self::http(StatusCode::UPGRADE_REQUIRED, message) }
    }

    /// The document is malformed or not accepted.
    pub(crate) fn document(code: &'static str, message: String) -> Self {
        Self { is_document_error: true, ..Self::new(StatusCode::BAD_REQUEST, code, message) }
    }

    /// Argument values are invalid, in the document or in its variables.
    pub(crate) fn inputs(problems: &[InputProblem]) -> Self {
        let (message, extensions) = describe_inputs(problems);
        let mut error = ServerError::new(message, None);
        error.extensions = Some(extensions);
        Self { errors: vec![error], ..Self::document(code::BAD_USER_INPUT, String::new()) }
    }

    /// The document is not valid against the schema.
    pub(crate) fn invalid(mut errors: Vec<ServerError>) -> Self {
        for error in &mut errors {
            error.message = first_line(&error.message);
            set_code(error, code::GRAPHQL_VALIDATION_FAILED);
        }
        Self { errors, ..Self::document(code::GRAPHQL_VALIDATION_FAILED, String::new()) }
    }

    /// Adds to each error about a field that the caller does not see, how to find the reason: in development.
    pub(crate) fn pointing_at_explain(mut self) -> Self {
        for error in self.errors.iter_mut().filter(|error| error.message.contains(UNKNOWN_FIELD)) {
            error
                .extensions
                .get_or_insert_with(ErrorExtensionValues::default)
                .set("hint", EXPLAIN_HINT);
        }
        self
    }

    /// The document exceeds a limit.
    pub(crate) fn query(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::QUERY_REJECTED, message)
    }

    /// The document is a subscription with several root fields.
    pub(crate) fn several_roots() -> Self {
        let message = "A subscription must have exactly one root field, without directives.";
        Self::query(message.to_owned())
    }

    /// As [`query`](Self::query), with the numbers as `actual` and `limit` in the extensions.
    pub(crate) fn over_limit(message: String, actual: u64, limit: u64) -> Self {
        let mut error = ServerError::new(message.clone(), None);
        set_code(&mut error, code::QUERY_REJECTED);
        if let Some(extensions) = &mut error.extensions {
            extensions.set("actual", actual);
            extensions.set("limit", limit);
        }
        Self { errors: vec![error], ..Self::query(message) }
    }

    /// The credential is rejected (RFC 6750 section 3.1).
    pub(crate) fn credential(message: String) -> Self {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        Self {
            header: Some(Box::new((WWW_AUTHENTICATE, challenge))),
            ..Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message)
        }
    }

    /// The credential was valid and has expired.
    pub(crate) fn expired() -> Self {
        let message = "The credential has expired: reconnect with a new one.";
        Self::credential(message.to_owned()).of_expiry()
    }

    /// A webhook has no valid signature. The challenge (RFC 9110 section 11.6.1) names the signature header.
    pub(crate) fn unsigned(message: String) -> Self {
        let challenge = HeaderValue::from_static("Webhook-Signature");
        Self {
            header: Some(Box::new((WWW_AUTHENTICATE, challenge))),
            ..Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, message)
        }
    }

    /// The message is a replay.
    pub(crate) fn conflict(message: String) -> Self {
        Self::new(StatusCode::CONFLICT, code::CONFLICT, message)
    }

    /// A cookie was sent by a page of another origin, or without evidence of its origin (CSRF).
    pub(crate) fn cross_site(why: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code::FORBIDDEN, format!("Rejected: {why}."))
    }

    /// A dependency is unavailable.
    pub(crate) fn unavailable(code: &'static str, message: &str, retry_after: Duration) -> Self {
        Self {
            header: Some(Box::new((RETRY_AFTER, seconds(retry_after)))),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }

    /// The credential is over its own rate limit.
    pub(crate) fn rate_limited(message: &str, retry_after: Duration) -> Self {
        Self {
            header: Some(Box::new((RETRY_AFTER, seconds(retry_after)))),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        }
    }

    /// An operation of this `cost` exceeds what is left of the caller's budget, which the extensions show if it
    /// `is_shown`.
    pub(crate) fn exceeded(Exceeded(budget): Exceeded, cost: u64, is_shown: bool) -> Self {
        let (left, retry_after) = (budget.remaining, budget.reset);
        let seconds = whole_seconds(retry_after).max(1);
        let message = format!(
            "This costs more than is left of your budget of query cost ({left} points): try again in {seconds} s."
        );
        let extensions = is_shown
            .then(|| Box::new(Extensions { budget: Some(BudgetExtension::new(&budget, cost)) }));
        let budget = Some(Box::new(budget));
        Self { budget, extensions, ..Self::rate_limited(&message, retry_after) }
    }

    /// The address had too many failed credentials.
    pub(crate) fn too_many_failures(Exceeded(budget): Exceeded) -> Self {
        let (seconds, retry_after) = (whole_seconds(budget.reset).max(1), budget.reset);
        let message = format!(
            "Too many credentials of your address were rejected: try again in {seconds} s."
        );
        Self { budget: Some(Box::new(budget)), ..Self::rate_limited(&message, retry_after) }
    }

    /// No document has this hash: the client sends both. The words are those that clients expect.
    pub(crate) fn persisted_query_not_found() -> Self {
        Self::document(code::PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound".to_owned())
    }

    /// Documents cannot be persisted: the client sends the document without a hash.
    pub(crate) fn persisted_queries_not_supported() -> Self {
        let message = "PersistedQueryNotSupported".to_owned();
        Self::document(code::PERSISTED_QUERY_NOT_SUPPORTED, message)
    }

    /// The document has another hash.
    pub(crate) fn persisted_query_mismatch() -> Self {
        Self::http(StatusCode::BAD_REQUEST, "The provided SHA-256 is not that of the query.")
    }

    /// An internal error of this server.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "Internal server error.")
    }

    /// The client exceeds a limit of connections, subscriptions or operations.
    pub(crate) fn too_many(message: &str) -> Self {
        Self {
            header: Some(Box::new((RETRY_AFTER, HeaderValue::from_static("1")))),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, message)
        }
    }

    /// Its code, or that of its first error.
    pub(crate) fn code(&self) -> &str {
        let first = self.errors.first().and_then(|error| error.extensions.as_ref());
        match first.and_then(|extensions| extensions.get("code")) {
            Some(Value::String(code)) => code,
            _ => self.code,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the document is at fault.
    pub(crate) fn is_of_document(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST
    }

    /// The same, of a credential that was valid and has expired.
    pub(crate) fn of_expiry(self) -> Self {
        Self { is_expiry: true, ..self }
    }

    /// Whether a credential that was valid has expired.
    pub(crate) fn is_expiry(&self) -> bool {
        self.is_expiry
    }

    /// Whether the credential or the signature is invalid.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether the client exceeds a limit.
    pub(crate) fn is_rate_limited(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// Whether the client may succeed when it reconnects.
    pub(crate) fn is_retryable(&self) -> bool {
        self.is_expiry || self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The message, or that of the first error.
    pub(crate) fn reason(self) -> String {
        self.errors.into_iter().next().map_or(self.message, |error| error.message)
    }

    /// The rejection as a GraphQL response.
    pub(crate) fn content(self, id: &RequestId) -> ResponseBody {
        let mut errors = self.errors;
        if errors.is_empty() {
            let mut error = ServerError::new(self.message, None);
            set_code(&mut error, self.code);
            add_request_id(&mut error, id);
            if let Some(seconds) = retry_after_seconds(self.header.as_deref())
                && let Some(extensions) = &mut error.extensions
            {
                extensions.set("retryAfterSeconds", seconds);
            }
            errors.push(error);
        }
        let extensions = self.extensions.map(|extensions| *extensions);
        ResponseBody::rejected(errors, extensions, self.budget)
    }

    /// The response on a path of the application.
    pub(crate) fn into_plain_response(self) -> Response<Body> {
        let mut response = plain(self.status, self.code, &self.message);
        if let Some(header) = self.header {
            response.headers_mut().insert(header.0, header.1);
        }
        response
    }

    pub(crate) fn into_response(self, media: MediaType, id: &RequestId) -> Response<Body> {
        let status = match media {
            MediaType::Json if self.is_document_error => StatusCode::OK,
            MediaType::Json | MediaType::GraphqlResponse => self.status,
        };
        let header = self.header.clone();
        let mut response = respond(status, media, &self.content(id));
        if let Some(header) = header {
            response.headers_mut().insert(header.0, header.1);
        }
        response
    }
}

/// Whole seconds (RFC 9110 section 10.2.3), rounded up.
fn seconds(retry_after: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(retry_after).max(1))
}

/// The time to wait, if the rejection states one.
fn retry_after_seconds(header: Option<&(HeaderName, HeaderValue)>) -> Option<u64> {
    let (_, value) = header.filter(|(name, _)| *name == RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok()
}
