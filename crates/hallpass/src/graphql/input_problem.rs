//! Input problems: invalid inputs, by path, for clients to show next to the form field.

use async_graphql::{ErrorExtensionValues, Name, Value};
use strum::IntoStaticStr;

use crate::code;

/// Kind of an input problem: `problem` in `extensions.problems`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ProblemKind {
    /// Missing, blank or null.
    Required,
    /// More characters than `limit`.
    TooLong,
    /// More items than `limit`.
    TooMany,
    /// The number, or the year of the date, is beyond `limit`: the minimum or the maximum.
    OutOfRange,
    /// Wrong type or format.
    WrongType,
    /// Invalid value of the right type.
    Invalid,
    /// The type has no field of this name.
    UnknownField,
    /// Excluded by another input.
    Conflicting,
    /// Already in use.
    Taken,
}

impl ProblemKind {
    /// The name in the response.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// One invalid input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// Path of the value, starting with the argument, such as `input.tags.3`.
    pub path: String,
    /// Kind of the problem.
    pub kind: ProblemKind,
    /// The exceeded bound, if any: the maximum or the minimum.
    pub limit: Option<u64>,
    /// What is wrong and how to fix it, as text for users.
    pub message: String,
}

impl InputProblem {
    /// Creates a problem without a bound.
    pub fn new(path: impl Into<String>, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { path: path.into(), kind, limit: None, message: message.into() }
    }

    /// Sets the exceeded bound.
    #[must_use]
    pub fn beyond(self, limit: usize) -> Self {
        Self { limit: u64::try_from(limit).ok(), ..self }
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

/// The message and the extensions of the error that reports all `problems`.
#[must_use]
pub fn describe(problems: &[InputProblem]) -> (String, ErrorExtensionValues) {
    let message = match problems {
        [only] => format!("{}: {}", only.path, only.message),
        _ => "Some inputs are invalid: see `extensions.problems`.".to_owned(),
    };
    // `fields` reports the first problem of each path.
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
