//! Error codes as an enum of the schema, for generated clients.

use async_graphql::Enum;
use strum::EnumString;

/// Error code of the server: `extensions.code` of an error. An application may have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The credential was rejected, or the field requires one.
    Unauthenticated,
    /// The caller is signed in and does not meet the rule.
    Forbidden,
    /// The field requires a more recent validation at the auth server (step-up authentication).
    ReauthenticationRequired,
    /// The row does not exist, or is not the caller's.
    NotFound,
    /// The input is invalid.
    BadUserInput,
    /// The row has changed since it was read.
    Conflict,
    /// A limit per client is exceeded.
    RateLimited,
    /// The auth server is unavailable.
    AuthUnavailable,
    /// The document is rejected, for example because it exceeds a limit.
    QueryRejected,
    /// No persisted document has this hash.
    PersistedQueryNotFound,
    /// Clients cannot persist documents.
    PersistedQueryNotSupported,
    /// The document is not valid GraphQL syntax.
    GraphqlParseFailed,
    /// The document is not valid against the schema.
    GraphqlValidationFailed,
    /// The operation timed out.
    Timeout,
    /// A subscriber was too slow, and events were dropped.
    EventsMissed,
    /// The field requires a setting that is not set.
    NotConfigured,
    /// The database is unavailable.
    Unavailable,
    /// Internal server error.
    Internal,
}

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::EnumType as _;

    use super::*;
    use crate::code;

    #[test]
    fn every_code_is_in_the_schema() {
        let names: Vec<_> = ErrorCode::items().iter().map(|item| item.name).collect();
        assert_eq!(names.len(), code::ALL.len());
        for code in code::ALL {
            assert!(names.contains(&code) && code.parse::<ErrorCode>().is_ok(), "{code}");
        }
    }
}
