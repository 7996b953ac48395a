//! Advice on credentials that the auth server validates: session cookies, session tokens, opaque access tokens.

use super::{Advice, Case};
use crate::config::OpaqueTokenConfig;
use crate::doctor::auth_server::{cookie_fix, expected_cookie};
use crate::doctor::render::{list, printable, quoted};
use hallpass_identity::{Check, CredentialRejected, CredentialShape, PAIRWISE_SUBJECT};

/// Advice for a request without the session cookie, which may have another name.
pub(crate) fn no_cookie(case: &Case<'_>) -> Advice {
    let shown = &case.inspection.cookies;
    let expected = expected_cookie(case.doctor);
    let named: Vec<_> = shown.iter().map(|name| quoted(name)).collect();
    let own = case.observed.session.cookie.as_ref();
    let session = shown.iter().find(|name| own == Some(*name));
    let session = session.or_else(|| shown.iter().find(|name| name.ends_with("session_token")));
    let Some(name) = session else {
        let reason = match shown.is_empty() {
            true => format!("there is no cookie in it, expected {}", quoted(&expected)),
            false => {
                format!("its cookies are {}, expected {}", list(&named), quoted(&expected))
            }
        };
        let fix = "sign in, let pages fetch with `credentials: \"include\"`, and make sure that the browser \
                   sends this server the cookies of the auth server (same host, or one domain: \
                   crossSubDomainCookies); COOKIE_PREFIX is the prefix of its name, SESSION_COOKIE its full name";
        return Advice::new(reason, fix);
    };
    Advice::new(
        format!(
            "its session cookie is {}, expected {}: a request with it is anonymous",
            quoted(name),
            quoted(&expected)
        ),
        cookie_fix(case.doctor, name),
    )
}

/// Advice for a rejected session cookie.
pub(crate) fn cookie(case: &Case<'_>, rejection: CredentialRejected) -> Advice {
    if let Some(advice) = crate::doctor::advice::several_cookies(case) {
        return Advice { reason: format!("{}; {}", rejection.reason, advice.reason), ..advice };
    }
    if let Some(flaw) = case.inspection.flaw {
        return Advice::new(
            flaw,
            "copy the cookie as the browser sends it: TOKEN.SIGNATURE, percent-encoded",
        );
    }
    match rejection.check {
        Check::Signature => signature(case),
        Check::Known => renamed(case).unwrap_or_else(|| unknown_session(case, "cookie")),
        Check::Kind => no_server(case),
        Check::Form
        | Check::Header
        | Check::Algorithm
        | Check::Key
        | Check::Times
        | Check::Issuer
        | Check::Audience
        | Check::Subject
        | Check::Ban
        | Check::Revocation => {
            Advice::new(rejection.reason, "sign in again at the auth server (BETTER_AUTH_URL)")
        }
    }
}

/// Advice for a rejected bearer token that is not a JWT.
pub(crate) fn token(case: &Case<'_>, rejection: CredentialRejected) -> Advice {
    match rejection.check {
        Check::Signature => signature(case),
        Check::Known if case.inspection.shape == CredentialShape::SignedSessionToken => {
            unknown_session(case, "token")
        }
        Check::Known => unknown_token(case),
        Check::Kind if case.doctor.config.identity.auth_server.is_none() => no_server(case),
        Check::Audience => Advice::new(
            rejection.reason,
            "set OAUTH_RESOURCE to the resource that the token was requested for",
        ),
        Check::Issuer => {
            Advice::new(rejection.reason, "set OIDC_ISSUER to the issuer of the token")
        }
        Check::Subject if rejection.reason == PAIRWISE_SUBJECT => {
            crate::doctor::advice::jwt::subject(rejection.reason)
        }
        Check::Form
        | Check::Header
        | Check::Kind
        | Check::Algorithm
        | Check::Key
        | Check::Times
        | Check::Subject
        | Check::Ban
        | Check::Revocation => {
            Advice::new(rejection.reason, format!("use a JWT from {}", case.token_endpoint()))
        }
    }
}

/// Advice for a signature with a secret other than BETTER_AUTH_SECRET.
fn signature(case: &Case<'_>) -> Advice {
    let is_cookie = case.inspection.shape == CredentialShape::SessionCookie;
    let what = if is_cookie { "cookie" } else { "session token" };
    if let Some(clue) = case.inspection.hint {
        let how = match clue.flaw {
            Some(flaw) => format!("{} is nearly the secret that signed it: {flaw}", clue.setting),
            None => format!("it is signed with {}", clue.setting),
        };
        return Advice::new(
            format!("the {what} is not signed with BETTER_AUTH_SECRET: {how}"),
            "set BETTER_AUTH_SECRET exactly as at the auth server",
        );
    }
    match case.observed.session.secret_fits {
        Some(true) => Advice::new(
            format!(
                "the {what} is not signed with the auth server's secret: it was modified in transit, \
                     or is older than the secret"
            ),
            "sign in again; BETTER_AUTH_SECRET is correct",
        ),
        Some(false) | None => Advice::new(
            format!(
                "the {what} is not signed with BETTER_AUTH_SECRET: the auth server has another secret"
            ),
            "copy BETTER_AUTH_SECRET from the auth server, complete and without quotes; during rotation, \
             list both",
        ),
    }
}

/// Advice for a cookie with another name than the auth server's.
fn renamed(case: &Case<'_>) -> Option<Advice> {
    let expected =
        case.observed.session.cookie.clone().unwrap_or_else(|| expected_cookie(case.doctor));
    let sessions = || case.inspection.cookies.iter().filter(|it| it.ends_with("session_token"));
    if sessions().any(|name| *name == expected) {
        return None;
    }
    let name = sessions().next()?;
    let reason =
        format!("the cookie is {}, but the auth server's is {}", quoted(name), quoted(&expected));
    let base = case.doctor.config.identity.auth_server.as_ref().map_or("", |it| &it.base);
    let fix = match (name.starts_with("__Secure-"), expected.starts_with("__Secure-")) {
        (true, false) => format!(
            "`__Secure-` is used with https: set BETTER_AUTH_URL to the https auth server that set this \
             cookie, or sign in at {base}"
        ),
        (false, true) => format!(
            "the auth server uses the prefix `__Secure-` (https, or useSecureCookies): send the cookie \
             {}, or set BETTER_AUTH_URL to the http auth server that set this one",
            printable(&expected)
        ),
        _ => "set COOKIE_PREFIX to cookiePrefix of the auth server".to_owned(),
    };
    Some(Advice::new(reason, fix))
}

/// Advice for a session that the auth server does not know.
fn unknown_session(case: &Case<'_>, what: &str) -> Advice {
    let base = case.doctor.config.identity.auth_server.as_ref().map_or("", |it| &it.base);
    let unverified = match case.inspection.hint {
        Some(clue) if clue.setting == "BETTER_AUTH_SECRET" && clue.flaw.is_none() => "",
        _ => ", or is signed with another secret (set BETTER_AUTH_SECRET to verify that)",
    };
    Advice::new(
        format!(
            "the auth server does not know the session: it was signed out, has expired or was revoked, is of \
             another auth server{unverified}"
        ),
        format!(
            "sign in again at {base}; if the {what} is new, set BETTER_AUTH_URL to the auth server that \
             issued it"
        ),
    )
}

/// Advice for an opaque token that the auth server does not know.
fn unknown_token(case: &Case<'_>) -> Advice {
    let endpoint = case.token_endpoint();
    if case.inspection.shape == CredentialShape::Unknown {
        return Advice::new(
            "it is not a token that Better Auth issues",
            format!("send a JWT from {endpoint} as `Authorization: Bearer <token>`"),
        );
    }
    let bearer = match case.observed.session.cookie {
        Some(_) => "",
        None => {
            "; the auth server seems to lack the bearer plugin, which session tokens require: \
                 add bearer()"
        }
    };
    let access = match case.doctor.config.identity.opaque_tokens {
        Some(OpaqueTokenConfig::Introspection { .. }) => {
            "as an OAuth access token, it is not active for INTROSPECTION_CLIENT_ID: the auth server also \
             reports this for another client's tokens, unless they are for a `resource`"
        }
        Some(OpaqueTokenConfig::UserInfo) => "as an OAuth access token, it is rejected by userinfo",
        None => {
            "if it is an OAuth access token, set INTROSPECTION_CLIENT_ID, or request a `resource` to \
                 get a JWT (OAUTH_RESOURCE)"
        }
    };
    Advice::new(
        "it is opaque, and the auth server does not know the session: it was signed out, has expired, or is \
         not a session token",
        format!("if a JWT was intended, use one from {endpoint}; {access}{bearer}"),
    )
}

fn no_server(case: &Case<'_>) -> Advice {
    Advice::new(
        "it is opaque, and no auth server is configured to validate it",
        format!(
            "set BETTER_AUTH_URL; if a JWT was intended, use one from {}",
            case.token_endpoint()
        ),
    )
}
