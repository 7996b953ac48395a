//! Warnings about credentials that are accepted.

use serde_json::Value;

use super::Case;
use crate::config::JwtSubject;
use crate::doctor::render::{list, printable, quoted};
use hallpass_identity::{AuthMethod, Caller, CallerKind, CredentialShape};

/// A customized `getSubject`: the JWT and the session of one user may be two users here.
pub(in super::super) fn changed_subject(caller: &Caller, case: &Case<'_>) -> Option<String> {
    let claims = match case.inspection.shape {
        CredentialShape::Jwt => case.inspection.claims.as_ref()?,
        _ => case.issued.as_ref()?,
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let (subject, id) = (text("sub")?, text("id"));
    let by_id = case.doctor.config.identity.jwt_subject == JwtSubject::Id;
    let user = match case.issued {
        Some(_) => Some(caller.id().as_str()),
        None => id,
    };
    let changed = |user: &str| {
        format!(
            "`sub` of the JWT is {}, and the user's id is {}: getSubject of the jwt plugin is customized",
            quoted(subject),
            quoted(user)
        )
    };
    match (user, id) {
        (Some(user), _) if user == subject => None,
        (Some(user), Some(id)) if by_id && user == id => Some(format!(
            "{}; the user is taken from `id` (JWT_SUBJECT=id): keep `id` in definePayload, or remove getSubject",
            changed(user)
        )),
        (Some(user), Some(id)) if user == id => Some(format!(
            "{}; with `sub`, the session and the JWT of one user are two users: set JWT_SUBJECT=id, or remove \
             getSubject",
            changed(user)
        )),
        (Some(user), _) => Some(format!(
            "{}, and its `id` differs; the session and the JWT of one user are two users: remove \
             getSubject, or add `id: user.id` to definePayload, with JWT_SUBJECT=id",
            changed(user)
        )),
        (None, _) if subject.contains('@') => Some(format!(
            "`sub` of the JWT is the e-mail address {}, and the JWT has no `id`: getSubject of the jwt plugin is \
             customized, and the session and the JWT of one user are two users: remove getSubject, or add \
             `id: user.id` to definePayload, with JWT_SUBJECT=id",
            quoted(subject)
        )),
        (None, _) => None,
    }
}

/// An API key without a user, which authenticates a service.
pub(in super::super) fn key_of_no_user(caller: &Caller) -> Option<String> {
    (caller.via() == AuthMethod::ApiKey && caller.kind() == CallerKind::Service).then(|| {
        "API_KEY_VERIFY_URL returns no user for this key, so it is a service, which owns no rows: if a user owns it, \
         add its configuration (configId) to `configurations` of that endpoint"
            .to_owned()
    })
}

/// An `exp` in milliseconds, with which a token practically never expires.
pub(in super::super) fn milliseconds_expiry(case: &Case<'_>) -> Option<String> {
    let end = case.claim("exp")?.as_f64()?;
    (end > crate::doctor::advice::expiry::MILLISECONDS).then(|| {
        "its `exp` is in milliseconds, but JWTs use seconds, so it practically never expires: let the signer write \
         Math.floor(Date.now() / 1000) plus the lifetime in seconds"
            .to_owned()
    })
}

/// An access token whose scopes grant no access here.
pub(in super::super) fn useless_scopes(caller: &Caller) -> Option<String> {
    let scopes = caller.scopes()?;
    let client = caller.client_id().map_or_else(|| "its client".to_owned(), printable);
    let is_known = |scope: &String| scope.ends_with(":read") || scope.ends_with(":write");
    // Full clients have all scopes.
    let is_full = caller.is_granted("");
    if is_full || caller.kind() != CallerKind::User || scopes.iter().any(is_known) {
        return None;
    }
    let named: Vec<_> = scopes.iter().map(|scope| printable(scope)).collect();
    Some(format!(
        "its scopes ({}) grant no access: let {client} request scopes such as `DOMAIN:read` and `DOMAIN:write`, or add \
         it to OAUTH_FULL_CLIENTS if it is your own application",
        list(&named)
    ))
}
