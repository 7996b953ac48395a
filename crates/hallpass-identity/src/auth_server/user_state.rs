//! Hashed snapshot of the user properties that tokens repeat. A revocation spares tokens that still agree
//! with the user.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::caller::Caller;

/// The properties that are compared.
const PROPERTY_COUNT: usize = 9;

/// One user's properties, each hashed: the snapshot is stored, and contains no name and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserState([Option<u64>; PROPERTY_COUNT]);

impl UserState {
    /// The state that `caller` claims. A property that the credential leaves out is none.
    pub(crate) fn of(caller: &Caller) -> Self {
        let text = |text: Option<&str>| text.map(|text| hash([text]));
        let set = |set: &BTreeSet<String>| {
            // Scopes belong to the token, not to the user.
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

    /// Whether every property that `caller` claims is current.
    pub(crate) fn agrees_with(&self, caller: &Caller) -> bool {
        let stated = Self::of(caller).0;
        stated.iter().zip(&self.0).all(|(stated, is)| stated.is_none() || stated == is)
    }

    /// The stored format: sixteen hexadecimal digits or nothing for each property, separated by dots.
    #[must_use]
    pub fn to_text(&self) -> String {
        let each = self.0.map(|hash| hash.map(|hash| format!("{hash:016x}")).unwrap_or_default());
        each.join(".")
    }

    /// Parses the format of [`to_text`](Self::to_text); none when it is malformed.
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

/// The first eight bytes of SHA-256 over the words, each prefixed with its length.
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
