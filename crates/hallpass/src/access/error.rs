//! GraphQL errors of denials: the message for users, the code and the extensions.

use std::collections::BTreeSet;

use async_graphql::{Error, Name, Value};
use chrono::SecondsFormat;

use super::decision::{Denial, DenialReason};
use super::guard::{AccessDenied, AccessError};
use crate::code::{self, error, extended};
use hallpass_identity::Caller;

/// The message of a denial, to show to the user. `object` is the type of the row, if there is one.
pub(crate) fn denial_message(denial: &Denial, object: Option<&str>) -> String {
    if denial.scopes.is_empty()
        && let Some(tier) = denial.missing.iter().find_map(|it| required_tier(it))
    {
        return match object {
            Some(object) => format!("{tier} members can read this {}.", object.to_lowercase()),
            None => format!("{tier} members can use this."),
        };
    }
    match denial.reason {
        DenialReason::SignIn => "Sign in to continue.",
        DenialReason::Reauthentication => "Sign in again to continue.",
        DenialReason::Right if denial.scopes.is_empty() => "You do not have access to this.",
        DenialReason::Right => "This application was not granted the access that it needs.",
    }
    .to_owned()
}

/// The capitalized name of a tier, from a missing requirement such as `TIER(gold)`.
fn required_tier(missing: &str) -> Option<String> {
    let mut letters = missing.strip_prefix("TIER(")?.strip_suffix(')')?.chars();
    Some(letters.next()?.to_uppercase().chain(letters).collect())
}

impl From<AccessDenied> for Error {
    fn from(AccessDenied { denial, object, decision_id, caller }: AccessDenied) -> Self {
        let message = denial_message(&denial, object);
        extended(&message, denial.code(), |extensions| {
            extensions.set("rule", denial.rule.as_str());
            extensions.set("missing", denial.lacking());
            extensions.set("decisionId", decision_id.to_string());
            if let Some(caller) = caller {
                extensions.set("caller", caller_details(&caller));
            }
        })
    }
}

/// The attributes of the caller that rules use. In development only.
fn caller_details(caller: &Caller) -> Value {
    let confirmed_at = caller.confirmed_at().to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let list = |items: &BTreeSet<String>| Value::List(items.iter().map(Value::from).collect());
    let members = [
        ("kind", Value::from(<&str>::from(caller.kind()))),
        ("method", Value::from(caller.via().name())),
        ("roles", list(caller.roles())),
        ("tier", Value::from(caller.tier())),
        ("permissions", list(caller.permissions())),
        ("anonymous", Value::from(caller.is_anonymous())),
        ("impersonated", Value::from(caller.impersonated_by().is_some())),
        ("clientId", caller.client_id().map_or(Value::Null, Value::from)),
        ("scopes", caller.scopes().map_or(Value::Null, list)),
        ("confirmedAt", Value::from(confirmed_at)),
    ];
    Value::Object(members.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

impl From<AccessError> for Error {
    fn from(closed: AccessError) -> Self {
        match closed {
            AccessError::Denied(denied) => Self::from(*denied),
            AccessError::Unavailable => error(
                "The sign-in service is unavailable: please try again soon.",
                code::AUTH_UNAVAILABLE,
            ),
        }
    }
}
