//! Input validation: reports every invalid field, not only the first.

use std::ops::RangeInclusive;

use async_graphql::MaybeUndefined;

use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};

/// Collects the problems of an input.
///
/// ```
/// use hallpass::graphql::{ApiError, Validator};
///
/// let mut checks = Validator::default();
/// let title = checks.text("title", "  Milk ", 1, 100);
/// checks.number("stars", 7, &(1..=5), "give a number from 1 to 5");
/// assert_eq!(title, "Milk");
/// assert!(matches!(checks.finish(), Err(ApiError::BadInput(problems)) if problems.len() == 1));
/// ```
#[derive(Default)]
pub struct Validator {
    problems: Vec<InputProblem>,
}

impl Validator {
    /// Adds a problem of the kind [`ProblemKind::Invalid`] for the input at `path`.
    pub fn add_error(&mut self, path: &str, message: impl Into<String>) {
        self.add_problem(path, ProblemKind::Invalid, message);
    }

    /// Adds a problem of this kind for the input at `path`.
    pub fn add_problem(&mut self, path: &str, kind: ProblemKind, message: impl Into<String>) {
        self.problems.push(InputProblem::new(path, kind, message));
    }

    /// Adds a problem for the input at `path`, which exceeds `limit`.
    pub fn add_limit_problem(
        &mut self,
        path: &str,
        kind: ProblemKind,
        limit: usize,
        message: String,
    ) {
        self.problems.push(InputProblem::new(path, kind, message).beyond(limit));
    }

    /// Checks that `number` at `path` is in the range `allowed`.
    pub fn number(
        &mut self,
        path: &str,
        number: i32,
        allowed: &RangeInclusive<i32>,
        message: impl Into<String>,
    ) {
        self.problems.extend(InputProblem::of_number(path, number, allowed, message));
    }

    /// Trims a text and checks its length, from `min` to `max` characters. Rejects NUL, which PostgreSQL cannot store.
    pub fn text(&mut self, path: &str, text: &str, min: usize, max: usize) -> String {
        self.check_length(path, text.trim(), min, max);
        text.trim().to_owned()
    }

    /// Checks the length of a Markdown text without trimming it: leading blanks are significant in Markdown. A blank
    /// text is empty.
    pub fn markdown(&mut self, path: &str, text: String, min: usize, max: usize) -> String {
        let text = if text.trim().is_empty() { String::new() } else { text };
        self.check_length(path, &text, min, max);
        text
    }

    fn check_length(&mut self, path: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if text.contains('\0') {
            self.add_error(path, "remove the NUL character");
        } else if length < min {
            self.add_problem(path, ProblemKind::Required, "this is required");
        } else if length > max {
            let message = format!("use at most {max} characters: this text has {length}");
            self.add_limit_problem(path, ProblemKind::TooLong, max, message);
        }
    }

    /// Trims and deduplicates a list of at most `max` texts of at most `max_length` characters. Keeps the order.
    pub fn string_list(
        &mut self,
        path: &str,
        items: &[String],
        max_length: usize,
        max: usize,
    ) -> Vec<String> {
        let mut unique = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let item = self.text(&format!("{path}.{at}"), item, 1, max_length);
            if !unique.contains(&item) {
                unique.push(item);
            }
            if at == max {
                self.add_limit_problem(
                    path,
                    ProblemKind::TooMany,
                    max,
                    format!("give at most {max}"),
                );
                break;
            }
        }
        unique
    }

    /// The value of an input that may be omitted, but not null.
    pub fn not_null<T>(&mut self, path: &str, value: MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            let message = "must not be null: leave it out to keep its value";
            self.add_problem(path, ProblemKind::Required, message);
        }
        value.take()
    }

    /// Fails with all problems.
    ///
    /// # Errors
    /// [`ApiError::BadInput`] if there is a problem.
    pub fn finish(self) -> Result<()> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::BadInput(self.problems)) }
    }
}
