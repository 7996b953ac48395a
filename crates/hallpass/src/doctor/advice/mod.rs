//! Advice for a credential: the reason of its rejection, and the setting to change.
//!
//! The content of a credential only selects the advice. The verdict comes from authentication.

mod accepted;
pub(crate) mod expiry;
mod jwt;
mod key;
pub(crate) mod malformed;
pub(crate) mod opaque_tokens;
mod session;

use super::auth_server::{AUTH_SERVER, GET_SESSION};
use super::endpoints::{API_KEYS, OPAQUE};
use super::keys::{DISCOVERY, KEY_SET};
use super::{Doctor, Finding, Observations, Severity};
use crate::config::Environment;
use hallpass_identity::{
    CacheFlaw, Check, CredentialLocation, CredentialRejected, CredentialShape, Inspection,
    Unavailable, UnavailableCause,
};

pub(super) use accepted::{changed_subject, key_of_no_user, milliseconds_expiry, useless_scopes};
pub(super) use session::{SessionAnswers, unused_cache};

/// The reason, and what to change.
pub(super) struct Advice {
    pub(super) reason: String,
    pub(super) fix: Option<String>,
}

/// A credential, and the results of all checks.
#[derive(Clone)]
pub(super) struct Case<'a> {
    pub(super) doctor: &'a Doctor,
    pub(super) observed: &'a Observations,
    pub(super) setup: &'a [Finding],
    pub(super) inspection: &'a Inspection,
    /// The responses of `get-session` to a rejected session.
    pub(super) answers: Option<SessionAnswers>,
    /// Why the cookie cache beside a session cookie is not used, with COOKIE_CACHE=trust.
    pub(super) cache_flaw: Option<CacheFlaw>,
    /// The claims of the JWT that the auth server issues for the session.
    pub(super) issued: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Advice {
    pub(super) fn only(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix: None }
    }

    fn new(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix: Some(fix.into()) }
    }
}

impl Case<'_> {
    /// The source of JWTs.
    fn token_endpoint(&self) -> String {
        let config = &self.doctor.config;
        match (&config.identity.auth_server, config.environment) {
            (Some(server), _) => format!("{}/token", server.base),
            (None, Environment::Development) => format!("`{} token --as PERSONA`", config.program),
            (None, Environment::Production) => "the auth server's /api/auth/token".to_owned(),
        }
    }

    fn claim(&self, name: &str) -> Option<&serde_json::Value> {
        self.inspection.claims.as_ref()?.get(name)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.inspection.header.as_ref()?.get(name)?.as_str()
    }
}

/// Advice for a rejected credential.
pub(super) fn rejected(case: &Case<'_>, rejection: CredentialRejected) -> Advice {
    if let Some(advice) = malformed::misplaced(case) {
        return advice;
    }
    if case.inspection.shape == CredentialShape::MailLink && rejection.check > Check::Header {
        return jwt::mail_link(case);
    }
    if let Some(advice) = session::nonstandard_response(case, rejection) {
        return advice;
    }
    match rejection.check {
        Check::Form => malformed::unreadable(case, rejection.reason),
        Check::Ban => banned(case),
        Check::Revocation => Advice::new(
            "it was revoked: the auth server pushed a revocation of this user or session",
            "sign in again; if this was not intended, check what sends messages with REVOCATION_SECRET",
        ),
        Check::Times if case.inspection.location == CredentialLocation::ApiKey => {
            key::rejected(case, rejection)
        }
        Check::Times => expiry::advise(case, rejection.reason),
        Check::Header
        | Check::Kind
        | Check::Algorithm
        | Check::Key
        | Check::Signature
        | Check::Issuer
        | Check::Audience
        | Check::Known
        | Check::Subject => {
            let shape = case.inspection.shape;
            if case.inspection.location == CredentialLocation::ApiKey {
                key::rejected(case, rejection)
            } else if shape.is_jwt() {
                jwt::advise(case, rejection)
            } else if matches!(
                shape,
                CredentialShape::SessionCookie | CredentialShape::OtherCookies
            ) {
                opaque_tokens::cookie(case, rejection)
            } else {
                opaque_tokens::token(case, rejection)
            }
        }
    }
}

/// Advice for a session cookie with several values.
pub(super) fn several_cookies(case: &Case<'_>) -> Option<Advice> {
    let values = case.inspection.session_values;
    (values > 1).then(|| {
        Advice::new(
            format!("its session cookie has {values} different values, of which the first is used"),
            "delete the cookies of this site and sign in again; two values come from two domains or \
             paths: set crossSubDomainCookies at the auth server to one domain only",
        )
    })
}

/// Advice for a request without a credential.
pub(super) fn absent(case: &Case<'_>) -> Advice {
    match case.inspection.location {
        CredentialLocation::Authorization => malformed::other_scheme(case),
        CredentialLocation::ApiKey => malformed::no_api_key(case),
        CredentialLocation::Cookie => {
            malformed::misplaced(case).unwrap_or_else(|| opaque_tokens::no_cookie(case))
        }
    }
}

/// Advice when the credential cannot be validated: the problem of the auth server.
pub(super) fn unavailable(case: &Case<'_>, failure: Unavailable) -> Advice {
    if failure.cause == UnavailableCause::OwnLimit {
        return key::over_limit(failure);
    }
    let shape = case.inspection.shape;
    let names = if shape.is_jwt() {
        [KEY_SET, DISCOVERY, AUTH_SERVER]
    } else if shape == CredentialShape::ApiKey {
        [API_KEYS, AUTH_SERVER, GET_SESSION]
    } else {
        [AUTH_SERVER, GET_SESSION, OPAQUE]
    };
    let worst = names.iter().find_map(|name| {
        case.setup.iter().find(|it| it.name == *name && it.level != Severity::Good)
    });
    match worst {
        Some(Finding { message, fix, .. }) => Advice { reason: message.clone(), fix: fix.clone() },
        None => Advice::new(
            "the auth server (BETTER_AUTH_URL) did not respond to this request",
            "retry; if it persists, check the log of the auth server",
        ),
    }
}

fn banned(case: &Case<'_>) -> Advice {
    let until = case.claim("banExpires").and_then(serde_json::Value::as_str);
    let until =
        until.map_or(String::new(), |end| format!(" until {}", crate::doctor::render::quoted(end)));
    let stale = match case.inspection.shape.is_jwt() {
        true => "; a JWT has the ban until it expires: take a new one then",
        false => "",
    };
    Advice::new(
        format!("the user is banned at the auth server{until}"),
        format!("lift the ban there (admin plugin: unban-user){stale}"),
    )
}
