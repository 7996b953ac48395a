//! What only the auth server can judge: session cookies, session tokens, opaque access tokens.

use super::{Advice, Case};
use crate::config::OpaqueTokenConfig;
use crate::doctor::auth_server::{cookie_fix, expected_cookie};
use crate::doctor::render::{list, printable, quoted};
use crate::identity::{Check, CredentialRejected, CredentialShape, PAIRWISE_SUBJECT};

/// A request without a session cookie is anonymous; perhaps the cookie has another name.
pub(crate) fn no_cookie(case: &Case<'_>) -> Advice {
    let shown = &case.inspection.cookies;
    let expected = expected_cookie(case.doctor);
    let named: Vec<_> = shown.iter().map(|name| quoted(name)).collect();
    let own = case.observed.session.cookie.as_ref();
    let session = shown.iter().find(|name| own == Some(*name));
    let session = session.or_else(|| shown.iter().find(|name| name.ends_with("session_token")));
    let Some(name) = session else {
        let reason = match shown.is_empty() {
            true => format!("there is no cookie in it, and {} is looked for", quoted(&expected)),
            false => {
                format!("its cookies are {}, and {} is looked for", list(&named), quoted(&expected))
            }
        };
        let fix = "sign in, let pages call with `credentials: \"include\"`, and see that the browser \
                   sends this server the cookies of the auth server (same host, or one domain: \
                   crossSubDomainCookies); COOKIE_PREFIX is the start of its name, SESSION_COOKIE the whole";
        return Advice::new(reason, fix);
    };
    Advice::new(
        format!(
            "its session cookie is called {}, and {} is looked for: a request with it is anonymous",
            quoted(name),
            quoted(&expected)
        ),
        cookie_fix(case.doctor, name),
    )
}

/// A session cookie that is refused.
pub(crate) fn cookie(case: &Case<'_>, refusal: CredentialRejected) -> Advice {
    if let Some(advice) = crate::doctor::advice::several_cookies(case) {
        return Advice { reason: format!("{}; {}", refusal.reason, advice.reason), ..advice };
    }
    if let Some(flaw) = case.inspection.flaw {
        return Advice::new(
            flaw,
            "take the cookie as the browser sends it: TOKEN.SIGNATURE, percent-encoded",
        );
    }
    match refusal.check {
        Check::Signature => signature(case),
        Check::Known => renamed(case).unwrap_or_else(|| over(case, "cookie")),
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
            Advice::new(refusal.reason, "sign in again at the auth server (BETTER_AUTH_URL)")
        }
    }
}

/// A bearer token that is not a JWT, and is refused.
pub(crate) fn token(case: &Case<'_>, refusal: CredentialRejected) -> Advice {
    match refusal.check {
        Check::Signature => signature(case),
        Check::Known if case.inspection.looks == CredentialShape::SignedSessionToken => {
            over(case, "token")
        }
        Check::Known => unknown(case),
        Check::Kind => no_server(case),
        Check::Audience => Advice::new(
            refusal.reason,
            "set OAUTH_RESOURCE to the resource that the token was asked for",
        ),
        Check::Issuer => Advice::new(refusal.reason, "set OIDC_ISSUER to the issuer of the token"),
        Check::Subject if refusal.reason == PAIRWISE_SUBJECT => {
            crate::doctor::advice::jwt::subject(refusal.reason)
        }
        Check::Form
        | Check::Header
        | Check::Algorithm
        | Check::Key
        | Check::Times
        | Check::Subject
        | Check::Ban
        | Check::Revocation => {
            Advice::new(refusal.reason, format!("take the JWT of {}", case.token_endpoint()))
        }
    }
}

/// Signed with a secret that is not BETTER_AUTH_SECRET.
fn signature(case: &Case<'_>) -> Advice {
    let is_cookie = case.inspection.looks == CredentialShape::SessionCookie;
    let what = if is_cookie { "cookie" } else { "session token" };
    if let Some(clue) = case.inspection.clue {
        let how = match clue.flaw {
            Some(flaw) => format!("{} is nearly the secret that signed it: {flaw}", clue.setting),
            None => format!("{} signed it", clue.setting),
        };
        return Advice::new(
            format!("the {what} is not signed with BETTER_AUTH_SECRET: {how}"),
            "write BETTER_AUTH_SECRET exactly as the auth server has it",
        );
    }
    match case.observed.session.secret_fits {
        Some(true) => Advice::new(
            format!(
                "the {what} is not signed with the auth server's secret: it was changed on the way, \
                     or is from before the secret was"
            ),
            "sign in again; BETTER_AUTH_SECRET itself is right",
        ),
        Some(false) | None => Advice::new(
            format!(
                "the {what} is not signed with BETTER_AUTH_SECRET: the auth server has another secret"
            ),
            "copy BETTER_AUTH_SECRET from the auth server, whole and without quotes; while it rotates, \
             list both",
        ),
    }
}

/// A cookie whose name the auth server does not know.
fn renamed(case: &Case<'_>) -> Option<Advice> {
    let expected =
        case.observed.session.cookie.clone().unwrap_or_else(|| expected_cookie(case.doctor));
    let sessions = || case.inspection.cookies.iter().filter(|it| it.ends_with("session_token"));
    if sessions().any(|name| *name == expected) {
        return None;
    }
    let name = sessions().next()?;
    let reason = format!(
        "the cookie is called {}, and the auth server's is {}",
        quoted(name),
        quoted(&expected)
    );
    let base = case.doctor.config.identity.auth_server.as_ref().map_or("", |it| &it.base);
    let fix = match (name.starts_with("__Secure-"), expected.starts_with("__Secure-")) {
        (true, false) => format!(
            "`__Secure-` is the name at https: set BETTER_AUTH_URL to the https auth server that set this \
             cookie, or sign in at {base}"
        ),
        (false, true) => format!(
            "the auth server writes `__Secure-` in front (https, or useSecureCookies): send the cookie \
             {}, or set BETTER_AUTH_URL to the http auth server that set this one",
            printable(&expected)
        ),
        _ => "set COOKIE_PREFIX to cookiePrefix of the auth server".to_owned(),
    };
    Some(Advice::new(reason, fix))
}

/// A session that the auth server does not know.
fn over(case: &Case<'_>, what: &str) -> Advice {
    let base = case.doctor.config.identity.auth_server.as_ref().map_or("", |it| &it.base);
    let unchecked = match case.inspection.clue {
        Some(clue) if clue.setting == "BETTER_AUTH_SECRET" && clue.flaw.is_none() => "",
        _ => {
            ", or its signature is by another secret (set BETTER_AUTH_SECRET to have that checked)"
        }
    };
    Advice::new(
        format!(
            "the auth server knows no such session: it was signed out, has expired or was revoked, is of \
             another auth server{unchecked}"
        ),
        format!(
            "sign in again at {base}; if the {what} is fresh, set BETTER_AUTH_URL to the auth server that \
             issued it"
        ),
    )
}

/// An opaque token that the auth server does not know.
fn unknown(case: &Case<'_>) -> Advice {
    let endpoint = case.token_endpoint();
    if case.inspection.looks == CredentialShape::Unknown {
        return Advice::new(
            "it is none of the tokens that Better Auth issues",
            format!("send the JWT of {endpoint} as `Authorization: Bearer <token>`"),
        );
    }
    let bearer = match case.observed.session.cookie {
        Some(_) => "",
        None => {
            "; the auth server seems to have no bearer plugin, without which no session token counts: \
                 add bearer()"
        }
    };
    let access = match case.doctor.config.identity.opaque_tokens {
        Some(OpaqueTokenConfig::Introspection { .. }) => {
            "an OAuth access token was asked about too, and is not active for INTROSPECTION_CLIENT_ID: \
             the auth server says so of another client's tokens too, unless they are for a `resource`"
        }
        Some(OpaqueTokenConfig::UserInfo) => {
            "an OAuth access token was asked about too, and userinfo refuses it"
        }
        None => {
            "if it is an OAuth access token, set INTROSPECTION_CLIENT_ID, or ask for a `resource` to \
                 get a JWT (OAUTH_RESOURCE)"
        }
    };
    Advice::new(
        "it is opaque, and the auth server knows no such session: it was signed out, has expired, or is \
         no session token",
        format!("if a JWT was meant, send that of {endpoint}; {access}{bearer}"),
    )
}

fn no_server(case: &Case<'_>) -> Advice {
    Advice::new(
        "it says nothing itself, and no auth server is set that could be asked",
        format!("set BETTER_AUTH_URL; if a JWT was meant, send that of {}", case.token_endpoint()),
    )
}
