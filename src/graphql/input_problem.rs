//! Input problems: what is invalid, in a form that clients can show beside its field.

use std::ops::RangeInclusive;

use async_graphql::{ErrorExtensionValues, Name, Value};

use super::error::code;

/// Which kind of problem an input has: `problem` in `extensions.problems`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It has to be given, or to be more than blanks; it cannot be null.
    Required,
    /// It has more characters than `limit`.
    TooLong,
    /// It has more items than `limit`.
    TooMany,
    /// The number, or the year of the date, is beyond `limit`: the lowest or the highest that is accepted.
    OutOfRange,
    /// It is of another type, or written another way.
    WrongType,
    /// It is of the right type, and not accepted.
    Invalid,
    /// The type has no field of this name.
    UnknownField,
    /// Another input excludes it.
    Conflicting,
    /// It is in use already.
    Taken,
}

impl ProblemKind {
    /// The name that clients see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::TooLong => "TOO_LONG",
            Self::TooMany => "TOO_MANY",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::WrongType => "WRONG_TYPE",
            Self::Invalid => "INVALID",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::Conflicting => "CONFLICTING",
            Self::Taken => "TAKEN",
        }
    }
}

/// One input that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// The argument and the way from it to the value, such as `input.tags.3`.
    pub path: String,
    /// The kind.
    pub kind: ProblemKind,
    /// The bound that was exceeded, where there is one: the most, or the least.
    pub limit: Option<u64>,
    /// What is wrong and how to mend it, for people.
    pub message: String,
}

impl InputProblem {
    /// A problem without a bound.
    pub fn new(path: impl Into<String>, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { path: path.into(), kind, limit: None, message: message.into() }
    }

    /// The same, where `limit` was exceeded.
    #[must_use]
    pub fn beyond(self, limit: usize) -> Self {
        Self { limit: u64::try_from(limit).ok(), ..self }
    }

    /// A number that is not `allowed`, with the bound that it exceeds; none for one that is.
    pub fn of_number(
        path: impl Into<String>,
        number: i32,
        allowed: &RangeInclusive<i32>,
        message: impl Into<String>,
    ) -> Option<Self> {
        if allowed.contains(&number) {
            return None;
        }
        let bound = if number < *allowed.start() { allowed.start() } else { allowed.end() };
        let limit = u64::try_from(*bound).ok();
        Some(Self { limit, ..Self::new(path, ProblemKind::OutOfRange, message) })
    }

    fn to_value(&self) -> Value {
        let mut members = vec![
            ("path", Value::from(self.path.as_str())),
            ("problem", Value::from(self.kind.name())),
            ("message", Value::from(self.message.as_str())),
        ];
        members.extend(self.limit.map(|limit| ("limit", Value::from(limit))));
        Value::Object(members.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
    }
}

/// The message and the extensions of the one error that names all `problems`.
#[must_use]
pub fn describe(problems: &[InputProblem]) -> (String, ErrorExtensionValues) {
    let message = match problems {
        [only] => format!("{}: {}", only.path, only.message),
        _ => "Some of the input is not acceptable: see `extensions.problems`.".to_owned(),
    };
    // The first problem of a path is the one that is told by `fields`.
    let fields = problems
        .iter()
        .rev()
        .map(|problem| (Name::new(&problem.path), Value::from(problem.message.as_str())));
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code::BAD_USER_INPUT);
    extensions.set("fields", Value::Object(fields.collect()));
    extensions.set("problems", Value::List(problems.iter().map(InputProblem::to_value).collect()));
    (message, extensions)
}
