//! API errors: one error type. Client errors get a message and a code; internal errors are logged and get a generic
//! message. The only module that sets `extensions.code`.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Error, ErrorExtensionValues, Name, ScalarType as _, Value};
use hallpass_data::Error as EntityError;

use super::date_time::DateTime;
use super::input_problem::{InputProblem, ProblemKind, describe};
use crate::access::{AccessDenied, AccessError, Denial, DenialReason, ReauthenticationUnavailable};
use crate::events::Lagged;
use hallpass_identity::{Caller, CallerKind};

/// Result of a resolver. The library converts an [`ApiError`] at the field.
pub type Result<T> = std::result::Result<T, ApiError>;

/// Error codes of the API contract.
pub mod code {
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
}

/// Why a field failed.
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

impl From<EntityError> for ApiError {
    fn from(error: EntityError) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// From a batch loader, which returns the same error to every field that waits for it.
impl From<Arc<EntityError>> for ApiError {
    fn from(error: Arc<EntityError>) -> Self {
        Self::Database(error)
    }
}

impl Denial {
    /// The error code. Signing in takes precedence over other missing requirements.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.reason {
            DenialReason::SignIn => code::UNAUTHENTICATED,
            DenialReason::Reauthentication => code::REAUTHENTICATION_REQUIRED,
            DenialReason::Right => code::FORBIDDEN,
        }
    }
}

fn error(message: &str, code: &'static str) -> Error {
    extended(message, code, |_| {})
}

fn extended(
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

/// The message of a denial, to show to the user. `object` is the type of the row, if there is one.
pub(super) fn denial_message(denial: &Denial, object: Option<&str>) -> String {
    if denial.scopes.is_empty()
        && let Some(tier) = denial.missing.iter().find_map(|it| required_tier(it))
    {
        return match object {
            Some(object) => format!("{tier} members can read this {}.", object.to_lowercase()),
            None => format!("{tier} members can use this."),
        };
    }
    match denial.reason {
        DenialReason::SignIn => "Sign in to continue.",
        DenialReason::Reauthentication => "Sign in again to continue.",
        DenialReason::Right if denial.scopes.is_empty() => "You do not have access to this.",
        DenialReason::Right => "This application was not granted the access that it needs.",
    }
    .to_owned()
}

/// The capitalized name of a tier, from a missing requirement such as `TIER(premium)`.
fn required_tier(missing: &str) -> Option<String> {
    let mut letters = missing.strip_prefix("TIER(")?.strip_suffix(')')?.chars();
    Some(letters.next()?.to_uppercase().chain(letters).collect())
}

impl From<AccessDenied> for Error {
    fn from(AccessDenied { denial, object, decision_id, caller }: AccessDenied) -> Self {
        let message = denial_message(&denial, object);
        extended(&message, denial.code(), |extensions| {
            extensions.set("rule", denial.rule.as_str());
            extensions.set("missing", denial.lacking());
            extensions.set("decisionId", decision_id.to_string());
            if let Some(caller) = caller {
                extensions.set("caller", caller_details(&caller));
            }
        })
    }
}

/// The attributes of the caller that rules use. In development only.
fn caller_details(caller: &Caller) -> Value {
    let kind = match caller.kind() {
        CallerKind::User => "user",
        CallerKind::Service => "service",
    };
    let list = |items: &BTreeSet<String>| Value::List(items.iter().map(Value::from).collect());
    let members = [
        ("kind", Value::from(kind)),
        ("method", Value::from(caller.via().name())),
        ("roles", list(caller.roles())),
        ("tier", Value::from(caller.tier())),
        ("permissions", list(caller.permissions())),
        ("anonymous", Value::from(caller.is_anonymous())),
        ("impersonated", Value::from(caller.impersonated_by().is_some())),
        ("clientId", caller.client_id().map_or(Value::Null, Value::from)),
        ("scopes", caller.scopes().map_or(Value::Null, list)),
        ("confirmedAt", DateTime(caller.confirmed_at()).to_value()),
    ];
    Value::Object(members.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

impl From<AccessError> for Error {
    fn from(closed: AccessError) -> Self {
        ApiError::from(closed).into()
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
            ApiError::AuthUnavailable => error(
                "The sign-in service is unavailable: please try again soon.",
                code::AUTH_UNAVAILABLE,
            ),
            ApiError::Database(failure) => database(&failure),
        }
    }
}

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
