//! API errors: one error type. Client errors get a message and a code; internal errors are logged and get a generic
//! message.

use std::sync::Arc;

use async_graphql::Error;
use hallpass_data::{DbErr, Error as EntityError};

use super::input_problem::{InputProblem, ProblemKind, describe};
use crate::access::{AccessDenied, AccessError, ReauthenticationUnavailable};
use crate::code::{self, error, extended};
use crate::config::NoSuchSettings;
use crate::events::Lagged;

/// Result of a resolver. The library converts an [`ApiError`] at the field.
pub type Result<T> = std::result::Result<T, ApiError>;

/// Why a field failed. A resolver returns it; its code and its message are in the response.
///
/// ```
/// use hallpass::graphql::{ApiError, Result};
///
/// fn quantity(text: &str) -> Result<u32> {
///     text.parse().map_err(|_| ApiError::bad_input("quantity", "give a whole number"))
/// }
/// assert!(matches!(quantity("a few"), Err(ApiError::BadInput(_))));
/// ```
#[derive(Debug)]
pub enum ApiError {
    /// Denied by a rule.
    Denied(Box<AccessDenied>),
    /// The row does not exist, or is not the caller's.
    NotFound(&'static str),
    /// Invalid inputs.
    BadInput(Vec<InputProblem>),
    /// The row has changed since it was read. Its current version.
    Conflict(i32),
    /// The idempotency key was used for a different mutation.
    KeyReused,
    /// The field requires this setting, which is not set.
    NotConfigured(&'static str),
    /// The subscriber was too slow, and events were dropped.
    EventsMissed,
    /// The auth server is unavailable.
    AuthUnavailable,
    /// The application was built without settings that a resolver reads.
    NoSuchSettings(NoSuchSettings),
    /// The database failed.
    Database(Arc<EntityError>),
}

impl ApiError {
    /// One invalid input.
    pub fn bad_input(path: impl Into<String>, message: impl Into<String>) -> Self {
        InputProblem::new(path, ProblemKind::Invalid, message).into()
    }
}

impl From<InputProblem> for ApiError {
    fn from(problem: InputProblem) -> Self {
        Self::BadInput(vec![problem])
    }
}

impl From<Box<AccessDenied>> for ApiError {
    fn from(denied: Box<AccessDenied>) -> Self {
        Self::Denied(denied)
    }
}

impl From<AccessError> for ApiError {
    fn from(closed: AccessError) -> Self {
        match closed {
            AccessError::Denied(denied) => Self::Denied(denied),
            AccessError::Unavailable => Self::AuthUnavailable,
        }
    }
}

impl From<ReauthenticationUnavailable> for ApiError {
    fn from(ReauthenticationUnavailable: ReauthenticationUnavailable) -> Self {
        Self::AuthUnavailable
    }
}

impl From<Lagged> for ApiError {
    fn from(Lagged: Lagged) -> Self {
        Self::EventsMissed
    }
}

impl From<NoSuchSettings> for ApiError {
    fn from(missing: NoSuchSettings) -> Self {
        Self::NoSuchSettings(missing)
    }
}

impl From<EntityError> for ApiError {
    fn from(error: EntityError) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// From a [`PartialModel`](hallpass_data::PartialModel), of which a column was not read.
impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        EntityError::from(error).into()
    }
}

/// From a batch loader, which returns the same error to every field that waits for it.
impl From<Arc<EntityError>> for ApiError {
    fn from(error: Arc<EntityError>) -> Self {
        Self::Database(error)
    }
}

impl From<ApiError> for Error {
    fn from(failure: ApiError) -> Self {
        match failure {
            ApiError::Denied(denied) => Self::from(*denied),
            ApiError::NotFound(what) => {
                error(&format!("There is no such {what}."), code::NOT_FOUND)
            }
            ApiError::BadInput(problems) => bad_input(&problems),
            ApiError::Conflict(current) => extended(
                "This has changed since you read it: reload it and repeat your change.",
                code::CONFLICT,
                |extensions| extensions.set("currentVersion", current),
            ),
            ApiError::KeyReused => error(
                "This idempotency key was used for a different request: use a new one.",
                code::CONFLICT,
            ),
            ApiError::NotConfigured(setting) => error(
                &format!("This field is not configured: set {setting}."),
                code::NOT_CONFIGURED,
            ),
            ApiError::EventsMissed => error(
                "Events were missed: reload the data and subscribe again.",
                code::EVENTS_MISSED,
            ),
            ApiError::AuthUnavailable => AccessError::Unavailable.into(),
            ApiError::NoSuchSettings(missing) => {
                tracing::error!(error = %missing, "a resolver failed");
                error("Something went wrong on our side.", code::INTERNAL)
            }
            ApiError::Database(failure) => database(&failure),
        }
    }
}

/// Without a tenant, a caller has no rows of one.
pub const NO_TENANT: &str =
    "Your session names no organization, and this belongs to one: choose one.";

fn bad_input(problems: &[InputProblem]) -> Error {
    let (message, extensions) = describe(problems);
    let mut error = Error::new(message);
    error.extensions = Some(extensions);
    error
}

fn database(failure: &EntityError) -> Error {
    match failure {
        // Unreachable behind a guard: the guard rejects the caller first.
        EntityError::Unauthenticated => {
            tracing::error!("a field without a guard requested rows that require an owner");
            error("Something went wrong on our side.", code::INTERNAL)
        }
        EntityError::NoTenant => error(NO_TENANT, code::FORBIDDEN),
        EntityError::Full { most, .. } => {
            let message =
                format!("you have reached the limit of {most} (ROWS_PER_OWNER): delete some first");
            let problem = InputProblem::new("input", ProblemKind::TooMany, message);
            bad_input(&[InputProblem { limit: Some(*most), ..problem }])
        }
        EntityError::Unavailable(_) => {
            tracing::error!(error = %failure, "database unavailable");
            error("The server is busy: please try again soon.", code::UNAVAILABLE)
        }
        EntityError::Timeout(_) => {
            tracing::error!(error = %failure, "database timed out");
            error("This took too long: please try again soon.", code::TIMEOUT)
        }
        // Code that can violate a constraint maps these errors itself.
        EntityError::UniqueViolation(_)
        | EntityError::ForeignKeyViolation(_)
        | EntityError::Internal(_) => {
            tracing::error!(error = %failure, "database rejected a statement");
            error("Something went wrong on our side.", code::INTERNAL)
        }
    }
}
