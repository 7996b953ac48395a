//! What a field demands: a rule of its user, and scopes of the OAuth client that acts for them.
//!
//! An access token carries at most what its user granted to the client (RFC 6749 section 3.3): what it may do
//! is what the user may do, and what its scopes cover. Callers by any other credential act for themselves.

use super::decision::{Denial, DenialReason, ResourceAttributes, Subject};
use super::rule::Rule;
use crate::identity::{Caller, CallerKind};

/// What a field demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The rule.
    pub rule: Rule,
    /// The scopes, separated by spaces; all of them are needed. A text in braces, such as `{type}:read`,
    /// names them by what is asked for: the resolver decides.
    pub scope: Option<&'a str>,
}

impl Rule {
    /// The demand of a field with this rule, and with this scope if it states one. Written by `#[guarded]`.
    #[must_use]
    pub const fn with_scope(self, scope: Option<&str>) -> Demand<'_> {
        Demand { rule: self, scope }
    }
}

impl From<Rule> for Demand<'_> {
    fn from(rule: Rule) -> Self {
        rule.with_scope(None)
    }
}

impl Demand<'_> {
    /// Whether `asker` may use a field of a row with these `facts`.
    ///
    /// # Errors
    /// The refusal, when not.
    pub fn decide(self, asker: Subject<'_>, facts: ResourceAttributes<'_>) -> Result<(), Denial> {
        let scopes = self.lacking(asker, facts);
        match self.rule.decide(asker, facts) {
            decided if scopes.is_empty() => decided,
            Ok(()) => {
                let missing = Vec::new();
                Err(Denial { rule: self.rule.name(), lack: DenialReason::Right, missing, scopes })
            }
            Err(denial) => Err(Denial { lack: DenialReason::Right, scopes, ..denial }),
        }
    }

    /// The scopes that the caller's client lacks. A machine acts for no user: what anyone may use without a
    /// token, it may use without a scope.
    fn lacking(self, asker: Subject<'_>, facts: ResourceAttributes<'_>) -> Vec<String> {
        let (Some(caller), Some(scope)) = (asker.caller, self.scope) else { return Vec::new() };
        let anyone = Subject { caller: None, ..asker };
        let is_anyones =
            || caller.kind() == CallerKind::Service && self.rule.decide(anyone, facts).is_ok();
        if scope.starts_with('{') || is_anyones() {
            return Vec::new();
        }
        lacking(caller, scope).map(str::to_owned).collect()
    }
}

fn lacking<'a>(caller: &Caller, scope: &'a str) -> impl Iterator<Item = &'a str> {
    scope.split_ascii_whitespace().filter(|scope| !caller.is_granted(scope))
}
