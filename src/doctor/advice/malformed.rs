//! What is no credential at all, or is shown where it does not belong.

use super::{Advice, Case};
use crate::identity::{CredentialLocation, CredentialShape};

/// What belongs elsewhere: a cookie shown as a token, or a token as a cookie.
pub(crate) fn misplaced(case: &Case<'_>) -> Option<Advice> {
    use CredentialShape::{
        ApiKey, OpaqueToken, OtherCookies, SessionCookie, SignedSessionToken, Word,
    };
    let inspection = case.inspection;
    match (inspection.place, inspection.looks) {
        (CredentialLocation::Authorization, SessionCookie) => Some(Advice::new(
            "it is a session cookie, and was shown as a bearer token",
            format!(
                "send it as `Cookie`, as browsers do with `credentials: \"include\"` (explain it with \
                 `hallpass doctor --cookie -`), or send the JWT of {} as `Authorization: Bearer`",
                case.token_endpoint()
            ),
        )),
        (_, Word) => Some(Advice::new(
            "it is a word and no token: the front end sent it before it had one",
            format!(
                "let the front end send `Authorization: Bearer <token>` only once {} has answered",
                case.token_endpoint()
            ),
        )),
        (CredentialLocation::Authorization, ApiKey) => Some(Advice::new(
            "it looks like an API key, and was shown as a bearer token",
            format!(
                "send it as `{}: KEY` (API_KEY_HEADER); API_KEY_VERIFY_URL names who verifies it",
                case.doctor.authenticator.api_key_header()
            ),
        )),
        (CredentialLocation::Cookie, looks) if looks.is_jwt() => Some(Advice::new(
            format!("it is {}, and was shown as a cookie", looks.name()),
            "send it as `Authorization: Bearer <token>` (explain it with `hallpass doctor --token -`)",
        )),
        (CredentialLocation::Cookie, SignedSessionToken | OpaqueToken) => Some(Advice::new(
            "it is the value of a session cookie without the cookie's name",
            format!(
                "send `Cookie: {}=VALUE`, or the value as `Authorization: Bearer`",
                crate::doctor::auth_server::expected_cookie(case.doctor)
            ),
        )),
        (CredentialLocation::ApiKey, looks) if looks.is_jwt() || looks == SessionCookie => {
            Some(Advice::new(
                format!("it is {}, and was shown as an API key", looks.name()),
                "send it as `Authorization: Bearer <token>` or as `Cookie`",
            ))
        }
        (CredentialLocation::Authorization, OtherCookies) => {
            Some(Advice::only("it is a cookie without a session"))
        }
        _ => None,
    }
}

/// A scheme that is none of ours is no credential here.
pub(crate) fn other_scheme(case: &Case<'_>) -> Advice {
    if let Some(flaw) = case.inspection.flaw {
        return Advice::new(
            format!(
                "{flaw}: it is no credential here, and without another one the request is anonymous"
            ),
            crate::doctor::advice::jwt::DPOP_FIX,
        );
    }
    Advice::new(
        "the Authorization header does not start with `Bearer`: it is no credential here, and without \
         another one the request is anonymous",
        "let the front end send `Authorization: Bearer <token>`: the word Bearer, one space, and the token",
    )
}

/// An empty header is no credential here.
pub(crate) fn no_api_key(case: &Case<'_>) -> Advice {
    let header = case.doctor.authenticator.api_key_header();
    Advice::new(
        "it is empty: it is no credential, and without another one the request is anonymous",
        format!("send the key as `{header}: KEY`"),
    )
}

/// What cannot be read.
pub(crate) fn unreadable(case: &Case<'_>, reason: &str) -> Advice {
    let bearer = "let the front end send `Authorization: Bearer <token>`";
    let endpoint = case.token_endpoint();
    let inspection = case.inspection;
    if let Some(flaw) = inspection.flaw {
        return Advice::new(flaw, format!("{bearer}, with the token in one piece"));
    }
    match inspection.looks {
        CredentialShape::Nothing => {
            Advice::new("it is empty", format!("{bearer}, once it has one from {endpoint}"))
        }
        CredentialShape::OtherScheme => other_scheme(case),
        CredentialShape::Encrypted => Advice::new(
            "it is an encrypted token (five parts): Better Auth's cookie cache, perhaps",
            format!(
                "{bearer} with the JWT of {endpoint}; a cookie cache counts as a cookie, with \
                     COOKIE_CACHE=trust and BETTER_AUTH_SECRET"
            ),
        ),
        CredentialShape::DamagedJwt => Advice::new(
            format!("it is a JWT that is damaged: {reason}"),
            format!("copy it whole, or take a new one from {endpoint}; {bearer}"),
        ),
        CredentialShape::Word
        | CredentialShape::Jwt
        | CredentialShape::SharedSecret
        | CredentialShape::AccessToken
        | CredentialShape::IdToken
        | CredentialShape::CookieCache
        | CredentialShape::MailLink
        | CredentialShape::OtherJwt
        | CredentialShape::SignedSessionToken
        | CredentialShape::OpaqueToken
        | CredentialShape::ApiKey
        | CredentialShape::SessionCookie
        | CredentialShape::OtherCookies
        | CredentialShape::Unknown => {
            Advice::new(reason, format!("{bearer}, or the cookies of the auth server"))
        }
    }
}
