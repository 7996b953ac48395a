//! Input validation: reports every invalid field, not only the first.

use std::ops::RangeInclusive;

use async_graphql::MaybeUndefined;

use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};

/// Collects what is wrong with an input.
#[derive(Default)]
pub struct Validator {
    wrong: Vec<InputProblem>,
}

impl Validator {
    /// Notes that the input at `path` is not accepted.
    pub fn add_error(&mut self, path: &str, message: impl Into<String>) {
        self.add_problem(path, ProblemKind::Invalid, message);
    }

    /// Notes a problem of this kind with the input at `path`.
    pub fn add_problem(&mut self, path: &str, kind: ProblemKind, message: impl Into<String>) {
        self.wrong.push(InputProblem::new(path, kind, message));
    }

    /// Notes that the input at `path` exceeds `limit`.
    pub fn add_limit_problem(
        &mut self,
        path: &str,
        kind: ProblemKind,
        limit: usize,
        message: String,
    ) {
        self.wrong.push(InputProblem::new(path, kind, message).beyond(limit));
    }

    /// Notes where `number` at `path` is not `allowed`.
    pub fn number(
        &mut self,
        path: &str,
        number: i32,
        allowed: &RangeInclusive<i32>,
        message: impl Into<String>,
    ) {
        self.wrong.extend(InputProblem::of_number(path, number, allowed, message));
    }

    /// A text, trimmed, whose length in characters is within `least` and `most`. PostgreSQL cannot
    /// keep NUL, so nothing takes it.
    pub fn text(&mut self, path: &str, text: &str, least: usize, most: usize) -> String {
        self.check_length(path, text.trim(), least, most);
        text.trim().to_owned()
    }

    /// A text, kept as it is: in Markdown, blanks at the start mean something. Blanks alone are
    /// nothing.
    pub fn markdown(&mut self, path: &str, text: String, least: usize, most: usize) -> String {
        let text = if text.trim().is_empty() { String::new() } else { text };
        self.check_length(path, &text, least, most);
        text
    }

    fn check_length(&mut self, path: &str, text: &str, least: usize, most: usize) {
        let length = text.chars().count();
        if text.contains('\0') {
            self.add_error(path, "remove the NUL character");
        } else if length < least {
            self.add_problem(path, ProblemKind::Required, "write something here");
        } else if length > most {
            let message = format!("use at most {most} characters; these are {length}");
            self.add_limit_problem(path, ProblemKind::TooLong, most, message);
        }
    }

    /// Words of at most `longest` characters, at most `most` of them, each once in the order given.
    pub fn string_list(
        &mut self,
        path: &str,
        words: &[String],
        longest: usize,
        most: usize,
    ) -> Vec<String> {
        let mut unique = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let word = self.text(&format!("{path}.{at}"), word, 1, longest);
            if !unique.contains(&word) {
                unique.push(word);
            }
            if at == most {
                self.add_limit_problem(
                    path,
                    ProblemKind::TooMany,
                    most,
                    format!("give at most {most}"),
                );
                break;
            }
        }
        unique
    }

    /// The value of what may be left out, and not be null.
    pub fn not_null<T>(&mut self, path: &str, value: MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            let message = "it cannot be null: leave it out to keep it as it is";
            self.add_problem(path, ProblemKind::Required, message);
        }
        value.take()
    }

    /// Fails with everything noted.
    ///
    /// # Errors
    /// When anything was noted.
    pub fn finish(self) -> Result<()> {
        if self.wrong.is_empty() { Ok(()) } else { Err(ApiError::BadInput(self.wrong)) }
    }
}
