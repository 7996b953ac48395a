//! What is doubtful about a credential that is accepted.

use serde_json::Value;

use super::Case;
use crate::config::JwtSubject;
use crate::doctor::render::{list, printable, quoted};
use crate::identity::{AuthMethod, Caller, CallerKind, CredentialShape};

/// That a JWT and a session of the same user may be two users here, because `getSubject` was changed.
pub(in super::super) fn changed_subject(caller: &Caller, case: &Case<'_>) -> Option<String> {
    let claims = match case.inspection.looks {
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
            "`sub` of the JWT is {}, and the user's id is {}: getSubject of the jwt plugin was changed",
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
            "{}; by `sub`, the session and the JWT of one user are two users: set JWT_SUBJECT=id, or remove \
             getSubject",
            changed(user)
        )),
        (Some(user), _) => Some(format!(
            "{}, and its `id` does not say so; the session and the JWT of one user are two users: remove \
             getSubject, or add `id: user.id` to definePayload, with JWT_SUBJECT=id",
            changed(user)
        )),
        (None, _) if subject.contains('@') => Some(format!(
            "`sub` of the JWT is the e-mail address {}, and the JWT has no `id`: getSubject of the jwt plugin was \
             changed, and the session and the JWT of one user are two users: remove getSubject, or add \
             `id: user.id` to definePayload, with JWT_SUBJECT=id",
            quoted(subject)
        )),
        (None, _) => None,
    }
}

/// That an API key is a service, because its owner is no user.
pub(in super::super) fn key_of_no_user(caller: &Caller) -> Option<String> {
    (caller.via() == AuthMethod::ApiKey && caller.kind() == CallerKind::Service).then(|| {
        "API_KEY_VERIFY_URL names no user of this key, so it is a service, which owns nothing: if a user owns it, \
         add its configuration (configId) to `configurations` of that endpoint"
            .to_owned()
    })
}

/// That a token hardly ever expires, because its signer counts milliseconds.
pub(in super::super) fn endless(case: &Case<'_>) -> Option<String> {
    let end = case.claim("exp")?.as_f64()?;
    (end > crate::doctor::advice::expiry::MILLISECONDS).then(|| {
        "its `exp` is in milliseconds, and a JWT counts seconds, so it hardly ever expires: let the signer write \
         Math.floor(Date.now() / 1000) and the seconds that it is to last"
            .to_owned()
    })
}

/// That an access token's scopes cover nothing here.
pub(in super::super) fn useless_scopes(caller: &Caller) -> Option<String> {
    let scopes = caller.scopes()?;
    let client = caller.client_id().map_or_else(|| "its client".to_owned(), printable);
    let is_ours = |scope: &String| scope.ends_with(":read") || scope.ends_with(":write");
    // A client that acts as its user wholly is granted any scope.
    let is_full = caller.is_granted("");
    if is_full || caller.kind() != CallerKind::User || scopes.iter().any(is_ours) {
        return None;
    }
    let named: Vec<_> = scopes.iter().map(|scope| printable(scope)).collect();
    Some(format!(
        "its scopes ({}) cover no data: let {client} ask for scopes such as `tasks:read` and `tasks:write`, or add \
         it to OAUTH_FULL_CLIENTS if it is your own application",
        list(&named)
    ))
}
