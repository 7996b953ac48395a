//! What `get-session` itself answers about a credential that is refused, and what that says of the set-up of
//! the auth server.

use super::super::Doctor;
use super::super::text::quoted;
use super::{Advice, Case};
use crate::config::Environment;
use crate::identity::{Check, Inspection, Looks, Refusal, SessionAnswer};

/// What `get-session` answers.
#[derive(Clone)]
pub(in super::super) struct SessionAnswers {
    /// From the database.
    fresh: SessionAnswer,
    /// From the cookie cache too.
    cached: SessionAnswer,
}

impl SessionAnswers {
    pub(in super::super) async fn of(doctor: &Doctor, inspection: &Inspection) -> Self {
        let fresh = doctor.probe.shown_session(inspection, false).await;
        let cached = doctor.probe.shown_session(inspection, true).await;
        Self { fresh, cached }
    }
}

/// Advice on auth servers that answer otherwise than most.
pub(super) fn unusual(case: &Case<'_>) -> Option<Advice> {
    let answers = case.answers.as_ref()?;
    if answers.fresh == SessionAnswer::OtherShape {
        return Some(Advice::new(
            "get-session answers with an object that has no `user` and `session`: its shape was changed, by \
             the customSession plugin perhaps",
            "let customSession return `user` and `session` as they are, with what it adds beside them: \
             `({ user, session }) => ({ user, session, more })`",
        ));
    }
    if answers.fresh == SessionAnswer::Nothing && answers.cached == SessionAnswer::Session {
        return Some(Advice::new(
            "the auth server has this session in the cookie cache (`session_data`) and not in a database: it \
             was signed out a moment ago, or the auth server is stateless (it has no database)",
            "sign in again; if the auth server has no database, set COOKIE_CACHE=trust and \
             BETTER_AUTH_SECRET: sessions then end with their cookie, no sign-out ends them earlier, and \
             another COOKIE_CACHE_VERSION ends all of them",
        ));
    }
    (case.inspection.looks == Looks::OpaqueToken && case.observed.session.requires_signature).then(|| {
        Advice::new(
            "the auth server's bearer plugin takes signed session tokens alone (requireSignature)",
            "send TOKEN.SIGNATURE, as the header `set-auth-token` of the sign-in has it, or remove \
             requireSignature",
        )
    })
}

/// An API key that is refused.
pub(super) fn api_key(case: &Case<'_>, refusal: Refusal) -> Advice {
    if refusal.check == Check::Kind {
        let persona = match case.doctor.config.environment {
            Environment::Development => {
                "; in development without one, send a development token, that of `hallpass token --as \
                 PERSONA`, as `Authorization: Bearer`"
            }
            Environment::Production => "",
        };
        return Advice::new(
            "no auth server and no endpoint is set that could verify an API key",
            format!(
                "set BETTER_AUTH_URL to the auth server that made the key, with enableSessionForAPIKeys in \
                 its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that verifies keys{persona}"
            ),
        );
    }
    if case.doctor.config.identity.api_key_url.is_some() || refusal.check != Check::Known {
        return Advice::new(
            refusal.reason,
            "make a new key at the auth server, or correct API_KEY_VERIFY_URL if it verifies the keys of \
             another one",
        );
    }
    match case.answers.as_ref().map(|answers| &answers.fresh) {
        Some(SessionAnswer::Refused(code)) => {
            let code =
                code.as_deref().map_or_else(String::new, |code| format!(" ({})", quoted(code)));
            Advice::new(
                format!(
                    "the auth server refuses the API key{code}: it is unknown, disabled or used up"
                ),
                "make a new key, or enable this one, at the auth server that BETTER_AUTH_URL names",
            )
        }
        _ => Advice::new(
            "the auth server makes no session for the API key: `get-session` answers `null`",
            "set enableSessionForAPIKeys in its api-key plugin, or API_KEY_VERIFY_URL to an endpoint that \
             verifies keys; if its apiKeyHeaders names another header than x-api-key, set API_KEY_HEADER to \
             that",
        ),
    }
}
