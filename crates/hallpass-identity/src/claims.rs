//! Claims of a token, a session or a user record, parsed as tolerantly as is safe.

use hallpass_types::trusted::VerifiedSubject as _;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hallpass_types::{Timestamp, UserId, now};
use serde_json::{Map, Value};

use super::error::{AuthError, Check, rejected};

/// Why a token with a pairwise subject is rejected: the subject differs per client.
pub const PAIRWISE_SUBJECT: &str = "the subject is pairwise and does not identify a user: register the client with the subject type public";
/// Bytes of a pairwise subject: HMAC-SHA-256.
const PAIRWISE_SUBJECT_LENGTH: usize = 32;

/// A JSON object: the claims of a token, or the user of a session.
pub(super) type Claims = Map<String, Value>;

/// A subject that is a valid user id: not empty, at most 255 bytes, no control characters. It is
/// compared byte for byte (OpenID Connect Core section 2 sets the length).
pub(super) fn subject_claim(value: Option<&Value>) -> Result<UserId, AuthError> {
    match value.and_then(Value::as_str) {
        Some(text)
            if !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control) =>
        {
            #[expect(clippy::disallowed_methods, reason = "the credential was just verified")]
            Ok(UserId::from_verified_subject(text.to_owned()))
        }
        _ => rejected(Check::Subject, "the subject is missing or is not a user id"),
    }
}

/// The same, for tokens of the OpenID provider, which may use a different subject per client for the same
/// user (OpenID Connect Core section 8.1). Better Auth's pairwise subjects are 32 bytes in base64, unlike
/// any user id: accepting them would make one person a different user for each client.
pub(super) fn public_subject(value: Option<&Value>) -> Result<UserId, AuthError> {
    let bytes = value.and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    if bytes.is_some_and(|bytes| bytes.len() == PAIRWISE_SUBJECT_LENGTH) {
        return rejected(Check::Subject, PAIRWISE_SUBJECT);
    }
    subject_claim(value)
}

/// Rejects banned users. Better Auth leaves `banned` true after the ban is over: it applies until
/// `banExpires`.
pub(super) fn reject_banned(claims: &Claims) -> Result<(), AuthError> {
    match claims.get("banned") {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(()),
        Some(_) => {}
    }
    let over = match claims.get("banExpires") {
        Some(expires) => timestamp_claim(expires).is_some_and(|end| end <= now()),
        None => false,
    };
    if over { Ok(()) } else { rejected(Check::Ban, "the user is banned") }
}

/// A date in Better Auth's format: ISO 8601 text, or milliseconds (some adapters).
pub(super) fn timestamp_claim(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
        Value::Number(number) => number.as_i64().and_then(DateTime::from_timestamp_millis),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A NumericDate (RFC 7519 section 2): a finite number of seconds, with or without a fraction.
pub(super) fn numeric_date(claims: &Claims, claim: &str) -> Result<Option<Timestamp>, AuthError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let Some(seconds) = value.as_f64().filter(|seconds| seconds.is_finite()) else {
        return rejected(Check::Times, "a time in the token is not a number");
    };
    // Out-of-range values are clamped to a date on the same side of now.
    let seconds = seconds.clamp(-8e12, 8e12);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of dates above")]
    let micros = (seconds * 1e6) as i64;
    match DateTime::from_timestamp_micros(micros) {
        Some(time) => Ok(Some(time)),
        None => rejected(Check::Times, "a time in the token is out of range"),
    }
}

/// The value of the first of `names` that is present and not null. Each is the literal name of a claim,
/// or else a dot-separated path.
pub(super) fn first_of<'a>(claims: &'a Claims, names: &[String]) -> Option<&'a Value> {
    names.iter().find_map(|name| at_path(claims, name))
}

fn at_path<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value).filter(|value| !value.is_null());
    }
    let dots = path.match_indices('.').map(|(at, _)| at);
    dots.into_iter().find_map(|at| at_path(claims.get(&path[..at])?.as_object()?, &path[at + 1..]))
}

/// A claim that is a non-empty string.
pub(super) fn string_claim(claims: &Claims, name: &str) -> Option<String> {
    as_text(claims.get(name))
}

/// The same, for a value.
pub(super) fn as_text(value: Option<&Value>) -> Option<String> {
    value?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// An additional field of the auth server's users (`user.additionalFields`), which
/// [`Caller::claim`](crate::Caller::claim) returns: of a session's user, or the claim of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserField {
    name: &'static str,
    is_text: bool,
}

impl UserField {
    /// A string. A value of another type is ignored.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, is_text: true }
    }

    /// A string, a number or a boolean; the latter two as they are written in JSON. A value of another type
    /// is ignored.
    #[must_use]
    pub const fn scalar(name: &'static str) -> Self {
        Self { name, is_text: false }
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The value that `claims` state, if it is not empty.
    pub(super) fn read(self, claims: &Claims) -> Option<String> {
        match claims.get(self.name) {
            Some(value @ (Value::Bool(_) | Value::Number(_))) if !self.is_text => {
                Some(value.to_string())
            }
            value => as_text(value),
        }
    }
}

/// Whether the user was created by Better Auth's anonymous plugin. Some adapters write 1 for true.
pub(super) fn is_anonymous(claims: &Claims) -> bool {
    match claims.get("isAnonymous") {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        _ => false,
    }
}

/// The e-mail address; none when it is a placeholder that Better Auth generated: for anonymous users, and
/// for example for users who sign in by phone (`…@phone.placeholder.invalid`; RFC 2606 section 2).
pub(super) fn email_address(claims: &Claims) -> Option<String> {
    let address = string_claim(claims, "email").filter(|_| !is_anonymous(claims))?;
    let domain = address.rsplit('@').next().unwrap_or_default().trim_end_matches('.');
    let last = domain.rsplit('.').next().unwrap_or_default();
    (!last.eq_ignore_ascii_case("invalid")).then_some(address)
}

/// A set of strings, from a delimited string or an array of strings.
pub(super) fn string_list_claim(value: Option<&Value>, separators: &[char]) -> BTreeSet<String> {
    let clean = |word: &str| {
        let word = word.trim();
        (!word.is_empty()).then(|| word.to_owned())
    };
    match value {
        Some(Value::String(text)) => text.split(separators).filter_map(clean).collect(),
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).filter_map(clean).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The user who impersonates the subject: Better Auth's `impersonatedBy`, or the actor of RFC 8693 section
/// 4.1. A claim that states that there is an actor, without an id, is honored too.
pub(super) fn impersonator(claims: &Claims) -> Option<String> {
    let unnamed = || "unknown".to_owned();
    let named = |value: &Value| match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(id) if id.is_empty() => None,
        Value::String(id) => Some(id.clone()),
        _ => Some(unnamed()),
    };
    let impersonator = claims.get("impersonatedBy").and_then(named);
    let acting = claims.get("act").filter(|act| !act.is_null());
    impersonator.or_else(|| acting.map(|act| named(&act["sub"]).unwrap_or_else(unnamed)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn user_field_has_the_declared_type() {
        for (value, text, scalar) in [
            (json!("Rust"), Some("Rust"), Some("Rust")),
            (json!(""), None, None),
            (json!(5), None, Some("5")),
            (json!(0.5), None, Some("0.5")),
            (json!(false), None, Some("false")),
            (json!(null), None, None),
            (json!(["Rust"]), None, None),
            (json!({"level": "Rust"}), None, None),
        ] {
            let claims = Claims::from_iter([("field".to_owned(), value.clone())]);
            assert_eq!(UserField::text("field").read(&claims).as_deref(), text, "{value}");
            assert_eq!(UserField::scalar("field").read(&claims).as_deref(), scalar, "{value}");
            assert_eq!(UserField::scalar("other").read(&claims), None);
        }
    }
}
