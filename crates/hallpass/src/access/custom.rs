//! Rules that an application adds.

use super::subject::{ResourceAttributes, Subject};

/// A rule of the application: a name, a sentence, and a decision. Name and sentence identify it: the address of a
/// function does not.
#[derive(Clone, Copy, Debug)]
pub struct CustomRule {
    pub(super) name: &'static str,
    pub(super) sentence: &'static str,
    pub(super) decide: fn(Subject<'_>, ResourceAttributes<'_>) -> bool,
}

impl PartialEq for CustomRule {
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.sentence) == (other.name, other.sentence)
    }
}

impl Eq for CustomRule {}

impl CustomRule {
    /// The stable name of the rule.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }
}
