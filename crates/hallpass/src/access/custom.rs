//! Rules that an application adds.

use super::decision::{ResourceAttributes, Subject};
use super::rule::Rule;

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

impl Rule {
    /// A rule of the application. `name` is its stable name in the schema and in denials, such as `WORKING_HOURS`;
    /// `sentence` completes "requires …" in the access report; `decide` reports whether the caller meets it for a
    /// row, must not block, and returns the same for the same input.
    ///
    /// ```
    /// use hallpass::access::Rule;
    ///
    /// /// Users with a verified e-mail address.
    /// const VERIFIED: Rule = Rule::custom("VERIFIED", "a user with a verified e-mail address", |subject, _| {
    ///     subject.caller.is_some_and(|caller| caller.email_verified())
    /// });
    /// assert_eq!(VERIFIED.name(), "VERIFIED");
    /// ```
    #[must_use]
    pub const fn custom(
        name: &'static str,
        sentence: &'static str,
        decide: fn(Subject<'_>, ResourceAttributes<'_>) -> bool,
    ) -> Self {
        Self::Custom(CustomRule { name, sentence, decide })
    }
}
