//! Advice on rejected sessions, from the response of `get-session`: custom responses, clock skew, cookie cache.

use super::super::Doctor;
use super::{Advice, Case};
use crate::doctor::render::{plain, quoted};
use hallpass_identity::{
    CacheFlaw, Check, CredentialRejected, CredentialShape, Inspection, SessionAnswer,
};

/// The responses of `get-session`.
#[derive(Clone)]
pub(in super::super) struct SessionAnswers {
    /// Without the cookie cache.
    fresh: SessionAnswer,
    /// With the cookie cache.
    cached: SessionAnswer,
}

impl SessionAnswers {
    pub(in super::super) async fn of(doctor: &Doctor, inspection: &Inspection) -> Self {
        let fresh = doctor.probe.shown_session(inspection, false).await;
        let cached = doctor.probe.shown_session(inspection, true).await;
        Self { fresh, cached }
    }
}

/// Advice on auth servers with non-standard responses.
pub(super) fn nonstandard_response(
    case: &Case<'_>,
    rejection: CredentialRejected,
) -> Option<Advice> {
    let answers = case.answers.as_ref()?;
    if answers.fresh == SessionAnswer::OtherShape {
        return Some(Advice::new(
            "get-session returns an object without a complete `user` and `session` (`user.id`, \
             `session.userId` and `session.expiresAt` are required): its shape was changed, probably by \
             the customSession plugin",
            "let customSession return `user` and `session` unchanged, with additions beside them: \
             `({ user, session }) => ({ user, session, more })`",
        ));
    }
    if answers.fresh == SessionAnswer::Session && rejection.check == Check::Times {
        return Some(Advice::new(
            "the auth server still accepts the session, which has expired by this machine's clock",
            "synchronize both clocks with NTP",
        ));
    }
    if answers.fresh == SessionAnswer::Nothing && answers.cached == SessionAnswer::Session {
        return Some(only_cached(case));
    }
    (case.inspection.shape == CredentialShape::OpaqueToken && case.observed.session.requires_signature).then(|| {
        Advice::new(
            "the auth server's bearer plugin accepts signed session tokens only (requireSignature)",
            "send TOKEN.SIGNATURE, from the header `set-auth-token` of the sign-in, or remove \
             requireSignature",
        )
    })
}

/// Advice for a session that exists in the cookie cache only.
fn only_cached(case: &Case<'_>) -> Advice {
    let reason = "the auth server has this session in the cookie cache (`session_data`), not in a database: \
                  it was signed out recently, or the auth server is stateless (without a database)";
    if let Some(flaw) = &case.cache_flaw {
        let unused = unused_cache(case, flaw);
        let reason =
            format!("{reason}; COOKIE_CACHE=trust has no effect, because {}", unused.reason);
        return Advice { reason, ..unused };
    }
    Advice::new(
        reason,
        "sign in again; if the auth server has no database, set COOKIE_CACHE=trust and \
         BETTER_AUTH_SECRET: sessions then end with their cookie, a sign-out does not end them earlier, and \
         another COOKIE_CACHE_VERSION ends all of them",
    )
}

/// Advice for a cookie cache that is not used, with COOKIE_CACHE=trust.
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
                        "its cookie cache is {}, expected one {} beside the session cookie",
                        quoted(name),
                        quoted(&expected)
                    ),
                    "set COOKIE_PREFIX to cookiePrefix of the auth server; duplicate cookies are \
                     ignored",
                ),
            }
        }
        CacheFlaw::Insecure => Advice::new(
            "`session_data` has no `__Secure-` prefix although BETTER_AUTH_URL is https",
            "set useSecureCookies at the auth server, or set BETTER_AUTH_URL to its http address",
        ),
        CacheFlaw::Signature if identity.auth_secrets.is_empty() => Advice::new(
            "the signature of `session_data` cannot be verified",
            "set BETTER_AUTH_SECRET to the auth server's secret",
        ),
        CacheFlaw::Signature => Advice::new(
            "`session_data` is signed with another secret than BETTER_AUTH_SECRET, or was modified in transit",
            "copy BETTER_AUTH_SECRET from the auth server, complete and without quotes",
        ),
        CacheFlaw::Version(actual) => {
            version(actual.as_deref(), identity.cookie_cache_version.as_deref())
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
            "`session_data` has no valid user and session",
            "sign in again; a ban at the auth server (unban-user), or customSession, may be the reason",
        ),
    }
}

fn version(actual: Option<&str>, expected: Option<&str>) -> Advice {
    let expected = quoted(expected.unwrap_or_default());
    let reason = match actual {
        Some(actual) => format!(
            "`session_data` has the version {}, but COOKIE_CACHE_VERSION is {expected}",
            quoted(actual)
        ),
        None => format!("`session_data` has no version, but COOKIE_CACHE_VERSION is {expected}"),
    };
    let fix = match actual.and_then(plain) {
        Some(actual) => format!(
            "set COOKIE_CACHE_VERSION={actual}, as session.cookieCache.version of the auth server; cookies from \
             before a change are not accepted"
        ),
        None => "set COOKIE_CACHE_VERSION to session.cookieCache.version of the auth server, or remove it"
            .to_owned(),
    };
    Advice::new(reason, fix)
}
