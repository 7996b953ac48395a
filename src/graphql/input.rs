//! Checks of input that name every field that is wrong, not only the first.

use super::error::{ApiError, Result};

/// Collects what is wrong with an input.
#[derive(Default)]
pub struct Checks {
    wrong: Vec<(String, String)>,
}

impl Checks {
    /// Notes that the input at `path` is wrong.
    pub fn note(&mut self, path: &str, message: impl Into<String>) {
        self.wrong.push((path.to_owned(), message.into()));
    }

    /// A text, trimmed, whose length in characters is within `least` and `most`. PostgreSQL cannot
    /// keep NUL, so nothing takes it.
    pub fn text(&mut self, path: &str, text: &str, least: usize, most: usize) -> String {
        let text = text.trim();
        let length = text.chars().count();
        if text.contains('\0') {
            self.note(path, "remove the NUL character");
        } else if length < least {
            self.note(path, "write something here");
        } else if length > most {
            self.note(path, format!("use at most {most} characters; these are {length}"));
        }
        text.to_owned()
    }

    /// Fails with everything noted.
    ///
    /// # Errors
    /// When anything was noted.
    pub fn finish(self) -> Result<()> {
        if self.wrong.is_empty() { Ok(()) } else { Err(ApiError::BadInput(self.wrong)) }
    }
}
