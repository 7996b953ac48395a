//! What the auth server says of a user, as far as tokens repeat it: by this a revocation spares the tokens
//! that still agree with the user.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::identity::caller::Caller;

/// The properties that are compared.
const PROPERTY_COUNT: usize = 9;

/// One user's properties, each as a hash: it is stored, and holds no name and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserState([Option<u64>; PROPERTY_COUNT]);

impl UserState {
    /// What `caller` states. A property that its credential leaves out is none.
    pub(crate) fn of(caller: &Caller) -> Self {
        let text = |text: Option<&str>| text.map(|text| hash([text]));
        let set = |set: &BTreeSet<String>| {
            // Scopes are the token's own and no property of the user.
            let mut words = set.iter().filter(|word| !word.starts_with("scope:")).peekable();
            words.peek()?;
            Some(hash(words.map(String::as_str)))
        };
        let verified = caller.email().map(|_| hash([caller.email_verified().to_string().as_str()]));
        Self([
            set(caller.roles()),
            text(caller.has_tier_claim().then(|| caller.tier())),
            set(caller.permissions()),
            text(caller.email()),
            verified,
            text(caller.name()),
            text(caller.software_background()),
            text(caller.hardware_background()),
            text(caller.interest_area()),
        ])
    }

    /// Whether everything that `caller` states is so.
    pub(crate) fn agrees_with(&self, caller: &Caller) -> bool {
        let stated = Self::of(caller).0;
        stated.iter().zip(&self.0).all(|(stated, is)| stated.is_none() || stated == is)
    }

    /// The state as it is stored: sixteen hexadecimal digits or nothing for each property, with dots
    /// between them.
    #[must_use]
    pub fn to_text(&self) -> String {
        let each = self.0.map(|hash| hash.map(|hash| format!("{hash:016x}")).unwrap_or_default());
        each.join(".")
    }

    /// Reads what [`to_text`](Self::to_text) wrote; none where it is something else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let read = |part: &str| match part {
            "" => Some(None),
            digits => u64::from_str_radix(digits, 16).ok().map(Some),
        };
        let all = text.split('.').map(read).collect::<Option<Vec<_>>>()?;
        all.try_into().ok().map(Self)
    }
}

/// The first eight bytes of SHA-256 over the words, each behind its length.
fn hash<'a>(words: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut text = String::new();
    for word in words {
        text.push_str(&format!("{}:{word}", word.len()));
    }
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref()[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::UserState;

    #[test]
    fn stored_state_is_read_back() {
        let state =
            UserState([Some(1), None, Some(u64::MAX), None, None, None, None, None, Some(0)]);
        assert_eq!(UserState::from_text(&state.to_text()), Some(state));
    }

    #[test]
    fn foreign_text_is_not_a_state() {
        for text in ["", "changed", "1.2", "x........", "1.........."] {
            assert_eq!(UserState::from_text(text), None, "{text:?}");
        }
    }
}
