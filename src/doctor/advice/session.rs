//! What `get-session` itself answers about a credential that is refused, and what that says of the set-up of
//! the auth server.

use super::super::Doctor;
use super::{Advice, Case};
use crate::doctor::render::{plain, quoted};
use crate::identity::{
    CacheFlaw, Check, CredentialRejected, CredentialShape, Inspection, SessionAnswer,
};

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
pub(super) fn unusual(case: &Case<'_>, refusal: CredentialRejected) -> Option<Advice> {
    let answers = case.answers.as_ref()?;
    if answers.fresh == SessionAnswer::OtherShape {
        return Some(Advice::new(
            "get-session answers with an object that has no whole `user` and `session` (`user.id`, \
             `session.userId` and `session.expiresAt` are needed): its shape was changed, by the \
             customSession plugin perhaps",
            "let customSession return `user` and `session` as they are, with what it adds beside them: \
             `({ user, session }) => ({ user, session, more })`",
        ));
    }
    if answers.fresh == SessionAnswer::Session && refusal.check == Check::Times {
        return Some(Advice::new(
            "the auth server still counts the session, which ends at a time that is past by this machine's \
             clock",
            "set both clocks by NTP",
        ));
    }
    if answers.fresh == SessionAnswer::Nothing && answers.cached == SessionAnswer::Session {
        return Some(only_cached(case));
    }
    (case.inspection.looks == CredentialShape::OpaqueToken && case.observed.session.requires_signature).then(|| {
        Advice::new(
            "the auth server's bearer plugin takes signed session tokens alone (requireSignature)",
            "send TOKEN.SIGNATURE, as the header `set-auth-token` of the sign-in has it, or remove \
             requireSignature",
        )
    })
}

/// A session that the auth server has in its cookie cache alone.
fn only_cached(case: &Case<'_>) -> Advice {
    let reason = "the auth server has this session in the cookie cache (`session_data`) and not in a database: \
                  it was signed out a moment ago, or the auth server is stateless (it has no database)";
    if let Some(flaw) = &case.cache_flaw {
        let unused = unused_cache(case, flaw);
        let reason =
            format!("{reason}; COOKIE_CACHE=trust has no effect, because {}", unused.reason);
        return Advice { reason, ..unused };
    }
    Advice::new(
        reason,
        "sign in again; if the auth server has no database, set COOKIE_CACHE=trust and \
         BETTER_AUTH_SECRET: sessions then end with their cookie, no sign-out ends them earlier, and \
         another COOKIE_CACHE_VERSION ends all of them",
    )
}

/// Why a cookie cache is not believed although COOKIE_CACHE is trust.
pub(in super::super) fn unused_cache(case: &Case<'_>, flaw: &CacheFlaw) -> Advice {
    let identity = &case.doctor.config.identity;
    match flaw {
        CacheFlaw::Absent => {
            let data = case.inspection.cookies.iter().find(|name| name.contains("session_data"));
            let expected = format!("{}.session_data", identity.cookie_prefix);
            match data {
                None => Advice::new(
                    "there is no `session_data` cookie beside it",
                    "set session.cookieCache.enabled at the auth server, or remove COOKIE_CACHE",
                ),
                Some(name) => Advice::new(
                    format!(
                        "its cookie cache is called {}, and one {} is looked for beside the session cookie",
                        quoted(name),
                        quoted(&expected)
                    ),
                    "set COOKIE_PREFIX to cookiePrefix of the auth server; of two cookies of one name \
                     neither counts",
                ),
            }
        }
        CacheFlaw::Insecure => Advice::new(
            "`session_data` has no `__Secure-` name although BETTER_AUTH_URL is https",
            "set useSecureCookies at the auth server, or set BETTER_AUTH_URL to its http address",
        ),
        CacheFlaw::Signature if identity.auth_secrets.is_empty() => Advice::new(
            "the signature of `session_data` cannot be checked",
            "set BETTER_AUTH_SECRET to the auth server's secret",
        ),
        CacheFlaw::Signature => Advice::new(
            "`session_data` is signed with another secret than BETTER_AUTH_SECRET, or was changed on the way",
            "copy BETTER_AUTH_SECRET from the auth server, whole and without quotes",
        ),
        CacheFlaw::Version(said) => {
            version(said.as_deref(), identity.cookie_cache_version.as_deref())
        }
        CacheFlaw::Expired => Advice::new(
            "`session_data` has expired",
            "let the pages call get-session of the auth server, which renews it after \
             session.cookieCache.maxAge",
        ),
        CacheFlaw::OtherSession => Advice::new(
            "`session_data` belongs to another session than the session cookie",
            "delete the cookies of this site and sign in again",
        ),
        CacheFlaw::Content => Advice::new(
            "`session_data` describes no user and session that are let in",
            "sign in again; a ban at the auth server (unban-user), or customSession, may be the reason",
        ),
    }
}

fn version(said: Option<&str>, expected: Option<&str>) -> Advice {
    let expected = quoted(expected.unwrap_or_default());
    let reason = match said {
        Some(said) => format!(
            "`session_data` has the version {}, and COOKIE_CACHE_VERSION is {expected}",
            quoted(said)
        ),
        None => format!("`session_data` has no version, and COOKIE_CACHE_VERSION is {expected}"),
    };
    let fix = match said.and_then(plain) {
        Some(said) => format!(
            "set COOKIE_CACHE_VERSION={said}, as session.cookieCache.version of the auth server; a cookie of \
             before its change counts no more"
        ),
        None => "set COOKIE_CACHE_VERSION to session.cookieCache.version of the auth server, or remove it"
            .to_owned(),
    };
    Advice::new(reason, fix)
}
