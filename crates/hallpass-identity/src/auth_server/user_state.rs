//! Hashed snapshot of the user properties that tokens repeat. A revocation spares tokens that still agree
//! with the user.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::caller::Caller;

/// The properties that are compared for every application.
const STANDARD_COUNT: usize = 6;

/// One user's properties, each hashed: the snapshot is stored, and contains no name and no address. The
/// declared user fields follow the standard properties, in the order of their declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserState(Vec<Option<u64>>);

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
        let standard: [_; STANDARD_COUNT] = [
            set(caller.roles()),
            text(caller.has_tier_claim().then(|| caller.tier())),
            set(caller.permissions()),
            text(caller.email()),
            verified,
            text(caller.name()),
        ];
        Self(standard.into_iter().chain(caller.user_fields().map(text)).collect())
    }

    /// Whether every property that `caller` claims is current. A field that was declared after the snapshot
    /// is not known to be.
    pub(crate) fn agrees_with(&self, caller: &Caller) -> bool {
        let stated = Self::of(caller).0;
        let mut known = self.0.iter().copied().chain(std::iter::repeat(None));
        stated
            .into_iter()
            .all(|stated| known.next().is_some_and(|is| stated.is_none() || stated == is))
    }

    /// The stored format: sixteen hexadecimal digits or nothing for each property, separated by dots.
    #[must_use]
    pub fn to_text(&self) -> String {
        let each = self.0.iter().map(|hash| hash.map(|hash| format!("{hash:016x}")));
        each.map(Option::unwrap_or_default).collect::<Vec<_>>().join(".")
    }

    /// Parses the format of [`to_text`](Self::to_text); none when it is malformed.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let read = |part: &str| match part {
            "" => Some(None),
            digits => u64::from_str_radix(digits, 16).ok().map(Some),
        };
        let all = text.split('.').map(read).collect::<Option<Vec<_>>>()?;
        (all.len() >= STANDARD_COUNT).then_some(Self(all))
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
    use hallpass_types::now;
    use serde_json::{Value, json};

    use super::*;
    use crate::caller::{AuthMethod, ClaimMapping, CredentialProof};
    use crate::claims::{UserField, subject_claim};
    use crate::config::ClaimNames;

    fn caller(claims: &Value, user_fields: &[UserField]) -> Caller {
        let named = |name: &str| vec![name.to_owned()];
        let names = ClaimNames {
            role: named("role"),
            tier: named("tier"),
            permissions: named("permissions"),
            organization: named("organization_id"),
            tenant: None,
        };
        let mapping = ClaimMapping { names: &names, tiers: &"free".parse().unwrap(), user_fields };
        let id = subject_claim(Some(&json!("user"))).unwrap();
        let proof = CredentialProof::validated(AuthMethod::Jwt, now(), now());
        Caller::from_claims(id, proof, claims.as_object().unwrap(), &mapping).unwrap()
    }

    #[test]
    fn declared_fields_are_compared() {
        const FIELDS: &[UserField] = &[UserField::text("level"), UserField::scalar("age")];
        let user = json!({"role": "user", "level": "high", "age": 30, "other": "x"});
        let state = UserState::of(&caller(&user, FIELDS));
        for (token, agrees) in [
            (json!({"role": "user", "level": "high", "age": 30}), true),
            (json!({"age": 30, "other": "y"}), true),
            (json!({"level": 5}), true),
            (json!({"level": "low"}), false),
            (json!({"age": 31}), false),
        ] {
            assert_eq!(state.agrees_with(&caller(&token, FIELDS)), agrees, "{token}");
        }
        let declared_later = UserState::of(&caller(&user, &[]));
        assert!(!declared_later.agrees_with(&caller(&user, FIELDS)));
        assert!(declared_later.agrees_with(&caller(&json!({"role": "user"}), FIELDS)));
    }

    #[test]
    fn stored_state_is_read_back() {
        for fields in [&[][..], &[None, Some(0)], &[Some(7); 20]] {
            let standard = [Some(1), None, Some(u64::MAX), None, None, None];
            let state = UserState(standard.iter().chain(fields).copied().collect());
            assert_eq!(UserState::from_text(&state.to_text()), Some(state));
        }
    }

    #[test]
    fn foreign_text_is_not_a_state() {
        for text in ["", "changed", "1.2", "x........", "1...."] {
            assert_eq!(UserState::from_text(text), None, "{text:?}");
        }
    }
}
