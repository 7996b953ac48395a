//! Input validation: reports every invalid field, not only the first.

use async_graphql::MaybeUndefined;

use super::constraint::Constraint;
use super::error::{ApiError, Result};
use super::input_problem::{InputProblem, ProblemKind};

/// Collects the problems of an input.
///
/// ```
/// use hallpass::graphql::{ApiError, Constraint, Validator};
///
/// let mut checks = Validator::default();
/// let title = checks.text("title", "  Milk ", &Constraint::text(1, 100));
/// checks.number("stars", 7, &Constraint::number(1, 5));
/// assert_eq!(title, "Milk");
/// assert!(matches!(checks.finish(), Err(ApiError::BadInput(problems)) if problems.len() == 1));
/// ```
#[derive(Default)]
pub struct Validator {
    /// Path of the object that contains the inputs. Empty for arguments.
    object: String,
    problems: Vec<InputProblem>,
}

impl Validator {
    /// Collects the problems of an input object. Paths are relative to its path, such as `inputs.3`.
    pub fn within(object: impl Into<String>) -> Self {
        Self { object: object.into(), problems: Vec::new() }
    }

    /// Adds the problems of an input object that was checked on its own.
    ///
    /// # Errors
    /// The error, if it is not about inputs.
    pub fn collect<T>(&mut self, checked: Result<T>) -> Result<Option<T>> {
        match checked {
            Ok(valid) => Ok(Some(valid)),
            Err(ApiError::BadInput(problems)) => {
                self.problems.extend(problems);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Adds a problem of the kind [`ProblemKind::Invalid`] for the input at `path`.
    pub fn add_error(&mut self, path: &str, message: impl Into<String>) {
        self.add_problem(path, ProblemKind::Invalid, message);
    }

    /// Adds a problem of this kind for the input at `path`.
    pub fn add_problem(&mut self, path: &str, kind: ProblemKind, message: impl Into<String>) {
        self.problems.push(InputProblem::new(path, kind, message));
    }

    /// Checks the number at `path`.
    pub fn number(&mut self, path: &str, number: i32, constraint: &Constraint<'_>) {
        self.problems.extend(constraint.of_number(path, number.into()));
    }

    /// Checks the number of items of the list at `path`.
    pub fn count(&mut self, path: &str, count: usize, constraint: &Constraint<'_>) {
        self.problems.extend(constraint.of_count(path, count));
    }

    /// Checks the year of the date or the time at `path`.
    pub fn year(&mut self, path: &str, year: i32, constraint: &Constraint<'_>) {
        self.problems.extend(constraint.of_year(path, year));
    }

    /// Trims a text, and checks it. Rejects NUL, which PostgreSQL cannot store.
    pub fn text(&mut self, path: &str, text: &str, constraint: &Constraint<'_>) -> String {
        self.problems.extend(constraint.of_text(path, text.trim()));
        text.trim().to_owned()
    }

    /// Checks a Markdown text without trimming it: leading blanks are significant in Markdown. A blank text is empty.
    pub fn markdown(&mut self, path: &str, text: String, constraint: &Constraint<'_>) -> String {
        let text = if text.trim().is_empty() { String::new() } else { text };
        self.problems.extend(constraint.of_text(path, &text));
        text
    }

    /// Checks that the input at `path` is not given beside the one that excludes it. `is_given`: whether the input of a
    /// name is given.
    pub fn exclusive(
        &mut self,
        path: &str,
        constraint: &Constraint<'_>,
        is_given: impl FnOnce(&str) -> bool,
    ) {
        self.problems.extend(constraint.of_others(path, is_given));
    }

    /// Trims and deduplicates the texts of a list, and checks them. Keeps the order.
    pub fn string_list(
        &mut self,
        path: &str,
        items: &[String],
        constraint: &Constraint<'_>,
    ) -> Vec<String> {
        let mut unique = Vec::new();
        self.problems.extend(constraint.of_count(path, items.len()));
        for (at, item) in items.iter().enumerate().take(constraint.counted(items.len())) {
            let item = self.text(&format!("{path}.{at}"), item, constraint);
            if !unique.contains(&item) {
                unique.push(item);
            }
        }
        unique
    }

    /// The value of an input that may be omitted, but not null.
    pub fn not_null<T>(&mut self, path: &str, value: MaybeUndefined<T>) -> Option<T> {
        if value.is_null() {
            self.problems.extend(Constraint::NONE.not_null().of_null(path));
        }
        value.take()
    }

    /// Fails with all problems.
    ///
    /// # Errors
    /// [`ApiError::BadInput`] if there is a problem.
    pub fn finish(self) -> Result<()> {
        let Self { object, mut problems } = self;
        if problems.is_empty() {
            return Ok(());
        }
        if !object.is_empty() {
            for problem in &mut problems {
                problem.path = format!("{object}.{}", problem.path);
            }
        }
        Err(ApiError::BadInput(problems))
    }
}
