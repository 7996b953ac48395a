//! Advice on malformed credentials, and on credentials in the wrong header.

use super::{Advice, Case};
use hallpass_identity::{CredentialLocation, CredentialShape};

/// A credential in the wrong header: a cookie sent as a token, or a token as a cookie.
pub(crate) fn misplaced(case: &Case<'_>) -> Option<Advice> {
    use CredentialShape::{
        ApiKey, OpaqueToken, OtherCookies, SessionCookie, SignedSessionToken, Word,
    };
    let inspection = case.inspection;
    match (inspection.location, inspection.shape) {
        (CredentialLocation::Authorization, SessionCookie) => Some(Advice::new(
            "it is a session cookie, but was sent as a bearer token",
            format!(
                "send it as `Cookie`, as browsers do with `credentials: \"include\"` (explain it with \
                 `{} doctor --cookie -`), or a JWT from {} as `Authorization: Bearer`",
                case.doctor.config.program,
                case.token_endpoint()
            ),
        )),
        (_, Word) => Some(Advice::new(
            "it is a word, not a token: the front end sent it before it had a token",
            format!(
                "let the front end send `Authorization: Bearer <token>` only after {} has responded",
                case.token_endpoint()
            ),
        )),
        (CredentialLocation::Authorization, ApiKey) => Some(Advice::new(
            "it looks like an API key, but was sent as a bearer token",
            format!(
                "send it as `{}: KEY` (API_KEY_HEADER); API_KEY_VERIFY_URL is the endpoint that verifies it",
                case.doctor.authenticator.api_key_header()
            ),
        )),
        (CredentialLocation::Cookie, shape) if shape.is_jwt() => Some(Advice::new(
            format!("it is {}, but was sent as a cookie", shape.name()),
            format!(
                "send it as `Authorization: Bearer <token>` (explain it with `{} doctor --token -`)",
                case.doctor.config.program
            ),
        )),
        (CredentialLocation::Cookie, SignedSessionToken | OpaqueToken) => Some(Advice::new(
            "it is the value of a session cookie without the cookie's name",
            format!(
                "send `Cookie: {}=VALUE`, or the value as `Authorization: Bearer`",
                crate::doctor::auth_server::expected_cookie(case.doctor)
            ),
        )),
        (CredentialLocation::ApiKey, shape) if shape.is_jwt() || shape == SessionCookie => {
            Some(Advice::new(
                format!("it is {}, but was sent as an API key", shape.name()),
                "send it as `Authorization: Bearer <token>` or as `Cookie`",
            ))
        }
        (CredentialLocation::Authorization, OtherCookies) => {
            Some(Advice::only("it is a cookie without a session"))
        }
        _ => None,
    }
}

/// Advice for an Authorization scheme other than Bearer, which is ignored.
pub(crate) fn other_scheme(case: &Case<'_>) -> Advice {
    if let Some(flaw) = case.inspection.flaw {
        return Advice::new(
            format!(
                "{flaw}: it is ignored, and without another credential the request is anonymous"
            ),
            crate::doctor::advice::jwt::DPOP_FIX,
        );
    }
    Advice::new(
        "the Authorization header does not start with `Bearer`: it is ignored, and without another \
         credential the request is anonymous",
        "let the front end send `Authorization: Bearer <token>`: the word Bearer, one space, and the token",
    )
}

/// Advice for an empty API key header, which is ignored.
pub(crate) fn no_api_key(case: &Case<'_>) -> Advice {
    let header = case.doctor.authenticator.api_key_header();
    Advice::new(
        "it is empty: it is ignored, and without another credential the request is anonymous",
        format!("send the key as `{header}: KEY`"),
    )
}

/// Advice for a credential that cannot be parsed.
pub(crate) fn unreadable(case: &Case<'_>, reason: &str) -> Advice {
    let bearer = "let the front end send `Authorization: Bearer <token>`";
    let endpoint = case.token_endpoint();
    let inspection = case.inspection;
    if let Some(flaw) = inspection.flaw {
        return Advice::new(flaw, format!("{bearer}, with the token in one piece"));
    }
    match inspection.shape {
        CredentialShape::Nothing => {
            Advice::new("it is empty", format!("{bearer}, with a token from {endpoint}"))
        }
        CredentialShape::OtherScheme => other_scheme(case),
        CredentialShape::Encrypted => Advice::new(
            "it is an encrypted token (five parts): Better Auth's cookie cache, perhaps",
            format!(
                "{bearer} with a JWT from {endpoint}; a cookie cache is accepted as a cookie only, with \
                     COOKIE_CACHE=trust and BETTER_AUTH_SECRET"
            ),
        ),
        CredentialShape::DamagedJwt => Advice::new(
            format!("it is a damaged JWT: {reason}"),
            format!("copy it completely, or take a new one from {endpoint}; {bearer}"),
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
