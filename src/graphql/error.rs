//! One error type: the caller's mistakes get words and a code, ours get logged and a bland answer.
//! The only file that sets `extensions.code`.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Error, ErrorExtensionValues, Name, ScalarType as _, Value};
use hallpass_entity::Error as EntityError;

use super::date_time::DateTime;
use super::input_problem::{InputProblem, ProblemKind, describe};
use crate::access::{AccessDenied, AccessError, Denial, DenialReason, ReauthenticationUnavailable};
use crate::events::Lagged;
use crate::identity::{Caller, CallerKind};

/// What a resolver returns: an [`ApiError`] becomes the library's at the field.
pub type Result<T> = std::result::Result<T, ApiError>;

/// The codes of the contract.
pub mod code {
    /// The credential was refused, or the field needs one.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// Signed in, and the rule says no.
    pub const FORBIDDEN: &str = "FORBIDDEN";
    /// Signed in too long ago for this: the auth server has to confirm the caller anew.
    pub const REAUTHENTICATION_REQUIRED: &str = "REAUTHENTICATION_REQUIRED";
    /// The row is not there, or not the caller's.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// The input is not acceptable.
    pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
    /// The row has changed since it was read.
    pub const CONFLICT: &str = "CONFLICT";
    /// More than one client may have.
    pub const RATE_LIMITED: &str = "RATE_LIMITED";
    /// The auth server cannot be reached.
    pub const AUTH_UNAVAILABLE: &str = "AUTH_UNAVAILABLE";
    /// The document is no good, or asks for too much.
    pub const QUERY_REJECTED: &str = "QUERY_REJECTED";
    /// The document is no GraphQL.
    pub const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
    /// The document does not fit the schema.
    pub const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
    /// It took too long.
    pub const TIMEOUT: &str = "TIMEOUT";
    /// A subscriber was too slow.
    pub const EVENTS_MISSED: &str = "EVENTS_MISSED";
    /// The field needs a setting that is not there.
    pub const NOT_CONFIGURED: &str = "NOT_CONFIGURED";
    /// The database is away.
    pub const UNAVAILABLE: &str = "UNAVAILABLE";
    /// A fault of ours.
    pub const INTERNAL: &str = "INTERNAL";
}

/// Why a field could not be answered.
#[derive(Debug)]
pub enum ApiError {
    /// A rule said no.
    Denied(Box<AccessDenied>),
    /// The row is not there, or not the caller's.
    NotFound(&'static str),
    /// Inputs that are wrong.
    BadInput(Vec<InputProblem>),
    /// The row has changed since it was read; its version now.
    Conflict(i32),
    /// The idempotency key was used for another mutation.
    KeyReused,
    /// The field needs this setting, which is not there.
    NotConfigured(&'static str),
    /// The subscriber was too slow, and events were dropped.
    EventsMissed,
    /// The auth server did not answer.
    AuthUnavailable,
    /// The database did not answer.
    Database(Arc<EntityError>),
}

impl ApiError {
    /// One input that is not accepted.
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
    fn from(refusal: Box<AccessDenied>) -> Self {
        Self::Denied(refusal)
    }
}

impl From<AccessError> for ApiError {
    fn from(closed: AccessError) -> Self {
        match closed {
            AccessError::Refused(refusal) => Self::Denied(refusal),
            AccessError::Unconfirmed => Self::AuthUnavailable,
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

/// From a loader, whose error goes to everyone who waited for it.
impl From<Arc<EntityError>> for ApiError {
    fn from(error: Arc<EntityError>) -> Self {
        Self::Database(error)
    }
}

impl Denial {
    /// Signing in comes first; only then does it matter what is still missing.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.lack {
            DenialReason::SignIn => code::UNAUTHENTICATED,
            DenialReason::Confirmation => code::REAUTHENTICATION_REQUIRED,
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

impl From<AccessDenied> for Error {
    fn from(AccessDenied { denial, decision_id, caller }: AccessDenied) -> Self {
        let message = match denial.lack {
            DenialReason::SignIn => "You need to sign in to use this field.",
            DenialReason::Confirmation => "Sign in again to use this field.",
            DenialReason::Right if denial.scopes.is_empty() => "You may not use this field.",
            DenialReason::Right => "The user did not grant this client what the field needs.",
        };
        extended(message, denial.code(), |extensions| {
            extensions.set("rule", denial.rule.as_str());
            extensions.set("missing", denial.lacking());
            extensions.set("decisionId", decision_id.to_string());
            if let Some(caller) = caller {
                extensions.set("caller", caller_details(&caller));
            }
        })
    }
}

/// What rules look at, of the caller: for development.
fn caller_details(caller: &Caller) -> Value {
    let kind = match caller.kind() {
        CallerKind::User => "user",
        CallerKind::Service => "service",
    };
    let words = |words: &BTreeSet<String>| Value::List(words.iter().map(Value::from).collect());
    let side = [
        ("kind", Value::from(kind)),
        ("method", Value::from(caller.via().name())),
        ("roles", words(caller.roles())),
        ("tier", Value::from(caller.tier())),
        ("permissions", words(caller.permissions())),
        ("anonymous", Value::from(caller.is_anonymous())),
        ("impersonated", Value::from(caller.impersonated_by().is_some())),
        ("clientId", caller.client_id().map_or(Value::Null, Value::from)),
        ("scopes", caller.scopes().map_or(Value::Null, words)),
        ("confirmedAt", DateTime(caller.confirmed_at()).to_value()),
    ];
    Value::Object(side.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

impl From<AccessError> for Error {
    fn from(closed: AccessError) -> Self {
        ApiError::from(closed).into()
    }
}

impl From<ApiError> for Error {
    fn from(failure: ApiError) -> Self {
        match failure {
            ApiError::Denied(refusal) => Self::from(*refusal),
            ApiError::NotFound(what) => {
                error(&format!("There is no such {what}."), code::NOT_FOUND)
            }
            ApiError::BadInput(problems) => bad_input(&problems),
            ApiError::Conflict(current) => extended(
                "It was changed since you read it: read it again and repeat your change.",
                code::CONFLICT,
                |extensions| extensions.set("currentVersion", current),
            ),
            ApiError::KeyReused => error(
                "This idempotency key was used for another request: use a new one.",
                code::CONFLICT,
            ),
            ApiError::NotConfigured(setting) => error(
                &format!("The server does not offer this: set {setting}."),
                code::NOT_CONFIGURED,
            ),
            ApiError::EventsMissed => error(
                "Events were missed: read what you show again, and subscribe again.",
                code::EVENTS_MISSED,
            ),
            ApiError::AuthUnavailable => error(
                "The sign-in service cannot be reached: please try again soon.",
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
        // The guard in front says this to the caller; to get here is a fault of ours.
        EntityError::Unauthenticated => {
            tracing::error!("a field without a guard asked for rows that need an owner");
            error("Something went wrong on our side.", code::INTERNAL)
        }
        EntityError::Full { most, .. } => {
            let message = format!(
                "you have {most} (ROWS_PER_OWNER), as many as one may have: delete some first"
            );
            let problem = InputProblem::new("input", ProblemKind::TooMany, message);
            bad_input(&[InputProblem { limit: Some(*most), ..problem }])
        }
        EntityError::Unavailable(_) => {
            tracing::error!(error = %failure, "database not available");
            error("The server is busy: please try again soon.", code::UNAVAILABLE)
        }
        EntityError::Timeout(_) => {
            tracing::error!(error = %failure, "database too slow");
            error("This took too long: please try again soon.", code::TIMEOUT)
        }
        // The code that writes what may be taken or orphaned says so in its own words.
        EntityError::UniqueViolation(_)
        | EntityError::ForeignKeyViolation(_)
        | EntityError::Internal(_) => {
            tracing::error!(error = %failure, "database refused a statement");
            error("Something went wrong on our side.", code::INTERNAL)
        }
    }
}
