//! Responses to GraphQL documents: status, error codes, headers and JSON.

use async_graphql::{ErrorExtensionValues, PathSegment, Response as Executed, ServerError, Value};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};

use super::budget::{BudgetExtension, set_budget};
use super::challenge::insufficient_scope;
use super::envelope::{Extensions, envelope_length, length_of, write_envelope};
pub(crate) use super::media_type::MediaType;
use super::rejection::Rejection;
pub(crate) use super::request_id::RequestId;
use crate::code;
use crate::graphql::{AnswerBudget, InputProblem, ProblemKind, describe_inputs, write_json};
use crate::http::limits::rate_limit::Budget;

/// The codes of an unavailable dependency, answered with 503.
const UNAVAILABLE_CODES: [&str; 3] = [code::UNAVAILABLE, code::TIMEOUT, code::AUTH_UNAVAILABLE];
/// Length limit of library messages, which can quote the document.
const MAX_MESSAGE_BYTES: usize = 200;

/// A GraphQL response, in an HTTP body, a WebSocket message or a server-sent event.
pub(crate) struct ResponseBody {
    pub(crate) errors: Vec<ServerError>,
    /// JSON. `None` if the document was not executed: the errors are request errors (section 7.1.2 of the GraphQL
    /// specification).
    data: Option<Vec<u8>>,
    extensions: Option<Extensions>,
    /// What is left of the caller's budget.
    budget: Option<Box<Budget>>,
    /// Approximate size as JSON, in bytes.
    length: usize,
}

/// Size of a response without the content of `data` and `errors`.
const ENVELOPE_BYTES: usize = 80;
/// The capacity for the data of a response, before its size is known.
const ASSUMED_BYTES: usize = 512;

/// Whether the errors are request errors, so that there is no data (section 7.1.2 of the GraphQL specification).
pub(crate) fn is_request_error(executed: &Executed) -> bool {
    executed.is_err() && executed.data == Value::Null
}

impl ResponseBody {
    /// The response to a document that was executed, or that validation rejected.
    pub(crate) fn of(mut executed: Executed, id: &RequestId) -> Self {
        let is_request_error = is_request_error(&executed);
        for error in &mut executed.errors {
            fill_in_codes(error, id);
        }
        let data = (!is_request_error).then(|| {
            let mut data = Vec::with_capacity(ASSUMED_BYTES);
            write_json(&executed.data, &mut data);
            data
        });
        let length_of_data = data.as_ref().map_or(0, Vec::len);
        let length = length_of_data + length_of(&executed.errors) + ENVELOPE_BYTES;
        Self { errors: executed.errors, data, extensions: None, budget: None, length }
    }

    /// The response to a request that is rejected.
    pub(super) fn rejected(
        errors: Vec<ServerError>,
        extensions: Option<Extensions>,
        budget: Option<Box<Budget>>,
    ) -> Self {
        Self { errors, data: None, extensions, budget, length: ENVELOPE_BYTES }
    }

    /// The response, with what is left of the caller's budget after an operation of this `cost`: in the headers, and in
    /// `extensions` if it `is_shown`.
    pub(crate) fn with_budget(self, budget: Budget, cost: u64, is_shown: bool) -> Self {
        let mut extensions = self.extensions;
        if is_shown {
            extensions.get_or_insert_default().budget = Some(BudgetExtension::new(&budget, cost));
        }
        Self { extensions, budget: Some(Box::new(budget)), ..self }
    }

    /// The response, if it is within the size limit.
    pub(crate) fn within(self, budget: &AnswerBudget) -> Result<Self, Rejection> {
        match budget.is_exceeded() || budget.is_exceeded_by(self.length) {
            true => Err(Rejection::query(budget.message())),
            false => Ok(self),
        }
    }

    /// The response as JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.length);
        write_envelope(&self.errors, self.data.as_deref(), self.extensions.as_ref(), &mut json);
        json
    }

    /// The codes of its errors.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().filter_map(|error| match error.extensions.as_ref()?.get("code")? {
            Value::String(code) => Some(code.as_str()),
            _ => None,
        })
    }

    /// The size as JSON, in bytes.
    pub(crate) fn json_length(&self) -> usize {
        envelope_length(&self.errors, self.data.as_deref(), self.extensions.as_ref())
    }

    /// Whether the document was not executed.
    pub(crate) fn is_request_error(&self) -> bool {
        self.data.is_none()
    }
}

/// The HTTP response to a document that was executed, or that validation rejected.
pub(crate) fn executed(content: &ResponseBody, media: MediaType) -> Response<Body> {
    let is_unavailable = content
        .errors
        .iter()
        .any(|error| UNAVAILABLE_CODES.iter().any(|code| has_code(error, code)));
    let status = match media {
        _ if is_unavailable => StatusCode::SERVICE_UNAVAILABLE,
        MediaType::GraphqlResponse if content.is_request_error() => StatusCode::BAD_REQUEST,
        MediaType::GraphqlResponse | MediaType::Json => StatusCode::OK,
    };
    let mut response = respond(status, media, content);
    if is_unavailable {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(challenge) = insufficient_scope(&content.errors) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Adds a code to errors of async-graphql, which have none: they concern the input of a field, or the document.
fn fill_in_codes(error: &mut ServerError, id: &RequestId) {
    let has_code =
        error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    if !has_code {
        error.message = first_line(&error.message);
        match input_path(error) {
            Some(path) => {
                let problem = InputProblem::new(path, ProblemKind::Invalid, &*error.message);
                error.extensions = Some(describe_inputs(&[problem]).1);
            }
            None => set_code(error, code::GRAPHQL_VALIDATION_FAILED),
        }
    }
    add_request_id(error, id);
}

/// The path of the field whose input a library error concerns.
fn input_path(error: &ServerError) -> Option<String> {
    let path = error.path.iter().map(path_segment).collect::<Vec<_>>().join(".");
    (!path.is_empty()).then_some(path)
}

fn path_segment(segment: &PathSegment) -> String {
    match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    }
}

pub(super) fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(MAX_MESSAGE_BYTES).collect()
}

fn has_code(error: &ServerError, code: &str) -> bool {
    error.extensions.as_ref().and_then(|extensions| extensions.get("code"))
        == Some(&Value::from(code))
}

pub(super) fn set_code(error: &mut ServerError, code: &'static str) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", code);
}

/// Adds the request id to an internal error, by which its cause is found in the log.
pub(super) fn add_request_id(error: &mut ServerError, id: &RequestId) {
    if has_code(error, code::INTERNAL)
        && let Some(extensions) = &mut error.extensions
    {
        extensions.set("requestId", id.as_str());
    }
}

pub(super) fn respond(status: StatusCode, media: MediaType, body: &ResponseBody) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_json()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(budget) = &body.budget {
        set_budget(headers, budget);
    }
    response
}
