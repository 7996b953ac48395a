//! Error codes of the API contract, and GraphQL errors that carry one in `extensions.code`.

use async_graphql::{Error, ErrorExtensionValues};

/// The credential was rejected, or the field requires one.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// The caller is signed in and does not meet the rule.
pub const FORBIDDEN: &str = "FORBIDDEN";
/// The field requires a more recent validation at the auth server (step-up authentication).
pub const REAUTHENTICATION_REQUIRED: &str = "REAUTHENTICATION_REQUIRED";
/// The row does not exist, or is not the caller's.
pub const NOT_FOUND: &str = "NOT_FOUND";
/// The input is invalid.
pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
/// The row has changed since it was read.
pub const CONFLICT: &str = "CONFLICT";
/// A limit per client is exceeded.
pub const RATE_LIMITED: &str = "RATE_LIMITED";
/// The auth server is unavailable.
pub const AUTH_UNAVAILABLE: &str = "AUTH_UNAVAILABLE";
/// The document is rejected, for example because it exceeds a limit.
pub const QUERY_REJECTED: &str = "QUERY_REJECTED";
/// No persisted document has this hash.
pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";
/// Clients cannot persist documents.
pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";
/// The document is not valid GraphQL syntax.
pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The document is not valid against the schema.
pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// The operation timed out.
pub const TIMEOUT: &str = "TIMEOUT";
/// A subscriber was too slow, and events were dropped.
pub const EVENTS_MISSED: &str = "EVENTS_MISSED";
/// The field requires a setting that is not set.
pub const NOT_CONFIGURED: &str = "NOT_CONFIGURED";
/// The database is unavailable.
pub const UNAVAILABLE: &str = "UNAVAILABLE";
/// Internal server error.
pub const INTERNAL: &str = "INTERNAL";

/// All codes of the server; an application may have others.
pub(crate) const ALL: [&str; 18] = [
    UNAUTHENTICATED,
    FORBIDDEN,
    REAUTHENTICATION_REQUIRED,
    NOT_FOUND,
    BAD_USER_INPUT,
    CONFLICT,
    RATE_LIMITED,
    AUTH_UNAVAILABLE,
    QUERY_REJECTED,
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    GRAPHQL_PARSE_FAILED,
    GRAPHQL_VALIDATION_FAILED,
    TIMEOUT,
    EVENTS_MISSED,
    NOT_CONFIGURED,
    UNAVAILABLE,
    INTERNAL,
];

/// An error with a code.
pub(crate) fn error(message: &str, code: &'static str) -> Error {
    extended(message, code, |_| {})
}

/// An error with a code and further extensions.
pub(crate) fn extended(
    message: &str,
    code: &'static str,
    extend: impl FnOnce(&mut ErrorExtensionValues),
) -> Error {
    let mut error = Error::new(message);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    extend(&mut extensions);
    error.extensions = Some(extensions);
    error
}
