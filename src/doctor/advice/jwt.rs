//! JWTs that are not accepted: kind, algorithm, key, signature, issuer, audience, subject.

use serde_json::Value;

use super::super::keys::known_ids;
use super::super::setup::origin_of;
use super::{Advice, Case};
use crate::doctor::render::{list, plain, quoted};
use crate::identity::{Check, CredentialRejected, CredentialShape, PAIRWISE_SUBJECT};

pub(super) fn advise(case: &Case<'_>, refusal: CredentialRejected) -> Advice {
    match refusal.check {
        Check::Kind => kind(case, refusal.reason),
        Check::Algorithm => algorithm(case, refusal.reason),
        Check::Key => key(case),
        Check::Signature => signature(case),
        Check::Issuer => issuer(case),
        Check::Audience => audience(case),
        Check::Subject => subject(refusal.reason),
        Check::Header => Advice::new(
            refusal.reason,
            format!("take the JWT of {}, whose header is plain", case.token_endpoint()),
        ),
        Check::Form | Check::Times | Check::Known | Check::Ban | Check::Revocation => {
            Advice::only(refusal.reason)
        }
    }
}

/// What to do about a token that is bound to a key of its client.
pub(super) const DPOP_FIX: &str = "DPoP is not supported: let the client ask for plain Bearer tokens (without `DPoP` proofs, and with \
     dpop_bound_access_tokens off at the auth server)";

fn kind(case: &Case<'_>, reason: &str) -> Advice {
    if case.claim("cnf").is_some() {
        let reason = "it is bound to a key of its client (`cnf`, DPoP of RFC 9449), and is not a Bearer token";
        return Advice::new(reason, DPOP_FIX);
    }
    let authenticator = &case.doctor.authenticator;
    let (rules, looks) = (authenticator.rules(), case.inspection.looks);
    if looks == CredentialShape::AccessToken && rules.oauth_resources.is_empty() {
        return Advice::new(
            "OAuth access tokens are not let in: OAUTH_RESOURCE is not set",
            assignment("OAUTH_RESOURCE", case.claim("aud"), "the resource that is yours"),
        );
    }
    if looks == CredentialShape::IdToken && rules.client_ids.is_empty() {
        let client = case.claim("azp").or_else(|| case.claim("aud"));
        return Advice::new(
            "OpenID Connect id tokens are not let in: SSO_CLIENT_ID is not set",
            assignment("SSO_CLIENT_ID", client, "the client id of your application"),
        );
    }
    if looks == CredentialShape::SharedSecret && rules.jwt_secrets.is_empty() {
        return no_secret(case);
    }
    let endpoint = case.token_endpoint();
    if looks == CredentialShape::CookieCache {
        return Advice::new(
            "it is Better Auth's cookie cache, and no bearer token",
            format!(
                "send the cookies themselves, with COOKIE_CACHE=trust, or the JWT of {endpoint}"
            ),
        );
    }
    if looks != CredentialShape::SharedSecret && authenticator.keys_for(looks).is_empty() {
        return no_keys(case);
    }
    Advice::new(reason, format!("send the JWT of {endpoint}"))
}

/// An HS256 token, and no JWT_SECRET.
fn no_secret(case: &Case<'_>) -> Advice {
    if case.claim("nonce").is_some() || case.claim("at_hash").is_some() {
        return Advice::new(
            "it is an id token signed with the client's secret (HS256), as an auth server without the \
             jwt plugin makes them",
            "add the jwt plugin to the auth server, so that its keys sign id tokens",
        );
    }
    let mine = case.inspection.clue.filter(|clue| clue.setting == "BETTER_AUTH_SECRET");
    let signer = match mine {
        Some(_) => {
            "; BETTER_AUTH_SECRET signed it, which Better Auth itself does for no bearer token"
        }
        None => "",
    };
    Advice::new(
        format!("it is signed with a shared secret (HS256), and JWT_SECRET is not set{signer}"),
        format!(
            "set JWT_SECRET to the secret that signed it, or send the JWT of {}: Better Auth signs \
             with the keys of its key set (EdDSA), never with HS256",
            case.token_endpoint()
        ),
    )
}

/// A token by a key, and no key set.
fn no_keys(case: &Case<'_>) -> Advice {
    let algorithm = case.header("alg").map_or_else(String::new, |it| format!(" ({})", quoted(it)));
    let server = case.claim("iss").and_then(Value::as_str).and_then(plain).and_then(origin_of);
    let server = server.filter(|it| it != "null").map_or_else(
        || "set BETTER_AUTH_URL to the auth server".to_owned(),
        |origin| format!("set BETTER_AUTH_URL={origin}, if that is your auth server"),
    );
    Advice::new(
        format!(
            "it is signed with a key{algorithm}, and there is no key set to find it in: JWT_SECRET \
             checks HS256 alone"
        ),
        format!("{server}; or set JWKS_URL, JWT_ISSUER and JWT_AUDIENCE"),
    )
}

/// What confirms an address, taken for a login.
pub(super) fn mail_link(case: &Case<'_>) -> Advice {
    Advice::new(
        "it is the token of a link that Better Auth mails (it has an e-mail address, and no user): \
         it confirms an address, and shows nobody",
        format!(
            "send the JWT of {}; JWT_SECRET must not be BETTER_AUTH_SECRET, which signs such links",
            case.token_endpoint()
        ),
    )
}

fn algorithm(case: &Case<'_>, reason: &str) -> Advice {
    let Some(stated) = case.header("alg") else {
        return Advice::new(reason, format!("send the JWT of {}", case.token_endpoint()));
    };
    let keys = case.doctor.authenticator.keys_for(case.inspection.looks);
    let own = case.header("kid").and_then(|kid| keys.iter().find(|(id, _)| id == kid));
    if let Some((_, algorithm)) = own.filter(|(_, algorithm)| *algorithm != stated) {
        return Advice::new(
            format!(
                "its header says {}, and its key in the key set is for {algorithm}",
                quoted(stated)
            ),
            "send the token as it was issued; if it is, JWKS_URL is another server's key set",
        );
    }
    let plugin = "set keyPairConfig.alg of the auth server's jwt plugin to EdDSA, ES256, ES512, RS256 or \
                  PS256";
    let other = match stated {
        "HS384" | "HS512" => "let its signer use HS256 with JWT_SECRET".to_owned(),
        "none" => format!("send the JWT of {}: nobody signed this one", case.token_endpoint()),
        _ => plugin.to_owned(),
    };
    Advice::new(
        format!(
            "its algorithm {} is not accepted: EdDSA, ES256, ES384, ES512, RS256 and PS256 are, and \
             HS256 with JWT_SECRET",
            quoted(stated)
        ),
        other,
    )
}

fn key(case: &Case<'_>) -> Advice {
    let looks = case.inspection.looks;
    let Some(kid) = case.header("kid") else {
        return Advice::new(
            "its header has no `kid`, so its key cannot be found: Better Auth always writes one",
            format!("send the JWT of {}; its key set is at JWKS_URL", case.token_endpoint()),
        );
    };
    let status = case.doctor.authenticator.status();
    let age = status.keys.and_then(|keys| keys.age);
    let age = age.map_or_else(String::new, |age| format!("is {} s old and ", age.as_secs()));
    let reason = format!(
        "its kid {} is not in the key set, which {age}has {}",
        quoted(kid),
        known_ids(case.doctor, looks)
    );
    let issuer = case.claim("iss").and_then(Value::as_str).unwrap_or_default();
    let known = case.doctor.authenticator.rules().issuers.iter().any(|it| it == issuer);
    let provider = case.doctor.authenticator.rules().oidc_issuer.as_deref() == Some(issuer);
    let fix = match plain(issuer).and_then(origin_of).filter(|it| it != "null") {
        Some(origin) if !known && !provider => format!(
            "it is by another server: set BETTER_AUTH_URL={origin} (or JWKS_URL), if that is your auth \
             server; else take a token from {}",
            case.token_endpoint()
        ),
        _ => format!(
            "take a new one from {}: the key that signed it was withdrawn; or correct JWKS_URL, if it \
             names another server's key set",
            case.token_endpoint()
        ),
    };
    Advice::new(reason, fix)
}

fn signature(case: &Case<'_>) -> Advice {
    if case.inspection.looks != CredentialShape::SharedSecret {
        return Advice::new(
            "its signature does not fit the key that it names: it was changed on the way, or another \
             server has a key of the same id",
            format!(
                "copy it whole, or take a new one from {}; JWKS_URL must be the signer's",
                case.token_endpoint()
            ),
        );
    }
    match case.inspection.clue {
        Some(clue) => match clue.flaw {
            Some(flaw) => Advice::new(
                format!("{} is nearly the secret that signed it: {flaw}", clue.setting),
                format!("write {} as the signer has it", clue.setting),
            ),
            None => Advice::new(
                format!("{} signed it, and JWT_SECRET is another secret", clue.setting),
                format!("set JWT_SECRET to the secret of {}", clue.setting),
            ),
        },
        None => Advice::new(
            "it is signed with another secret than JWT_SECRET (HS256)",
            format!(
                "copy JWT_SECRET from where the token is signed, whole and without quotes; if Better \
                 Auth is meant to sign, send the JWT of {}",
                case.token_endpoint()
            ),
        ),
    }
}

fn issuer(case: &Case<'_>) -> Advice {
    let rules = case.doctor.authenticator.rules();
    let (setting, accepted) = match case.inspection.looks {
        CredentialShape::SharedSecret => ("JWT_SECRET_ISSUER", rules.jwt_secret_issuers.as_slice()),
        looks if looks.is_of_provider() => ("OIDC_ISSUER", rules.oidc_issuer.as_slice()),
        _ => ("JWT_ISSUER", rules.issuers.as_slice()),
    };
    let shown: Vec<_> = accepted.iter().map(|it| quoted(it)).collect();
    let shown = list(&shown);
    let Some(issuer) = case.claim("iss").and_then(Value::as_str) else {
        return Advice::new(
            format!("it names no issuer (`iss`), and {setting} accepts {shown}"),
            "let the signer write `iss`; Better Auth does, once its baseURL is set".to_owned(),
        );
    };
    let nearly = accepted.iter().find_map(|other| difference(issuer, other));
    let how = nearly.map_or_else(String::new, |how| format!(": they differ by {how}"));
    let fix = match plain(issuer) {
        Some(value) if accepted.len() > 1 => {
            format!("add {value} to {setting}, if that is your auth server")
        }
        Some(value) => format!("set {setting}={value}, if that is your auth server"),
        None => format!("set {setting} to the issuer that your auth server writes"),
    };
    Advice::new(
        format!("its issuer is {}, and {setting} accepts {shown}{how}", quoted(issuer)),
        fix,
    )
}

/// By how little two issuers differ.
fn difference(said: &str, accepted: &str) -> Option<&'static str> {
    let host = |text: &str| text.replace("//localhost", "//127.0.0.1");
    let bare = |text: &str| text.replacen("https://", "http://", 1);
    if said.trim_end_matches('/') == accepted.trim_end_matches('/') {
        Some("a slash at the end")
    } else if said.eq_ignore_ascii_case(accepted) {
        Some("capital letters")
    } else if bare(said) == bare(accepted) {
        Some("http and https")
    } else if host(said) == host(accepted) {
        Some("localhost and 127.0.0.1")
    } else {
        let longer = said.starts_with(&format!("{accepted}/"));
        (longer || accepted.starts_with(&format!("{said}/"))).then_some("the path")
    }
}

fn audience(case: &Case<'_>) -> Advice {
    let rules = case.doctor.authenticator.rules();
    let (setting, accepted) = if case.inspection.looks == CredentialShape::AccessToken {
        ("OAUTH_RESOURCE", &rules.oauth_resources)
    } else if case.inspection.looks == CredentialShape::IdToken {
        ("SSO_CLIENT_ID", &rules.client_ids)
    } else if case.inspection.looks == CredentialShape::SharedSecret {
        ("JWT_SECRET_AUDIENCE", &rules.jwt_secret_audiences)
    } else {
        ("JWT_AUDIENCE", &rules.audiences)
    };
    let shown: Vec<_> = accepted.iter().map(|it| quoted(it)).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { list(&shown) };
    let Some(said) = case.claim("aud") else {
        return Advice::new(
            format!("it names no audience (`aud`), and {setting} accepts {shown}"),
            format!(
                "let the signer write one of those as `aud`, or set {setting} to what it writes"
            ),
        );
    };
    let azp = case.claim("azp").and_then(Value::as_str).filter(|_| setting == "SSO_CLIENT_ID");
    let issued_to = azp.map_or_else(String::new, |azp| format!(", issued to {}", quoted(azp)));
    Advice::new(
        format!("its audience is {}{issued_to}, and {setting} accepts {shown}", quoted_value(said)),
        assignment(
            setting,
            azp.map(Value::from).as_ref().or(Some(said)),
            "the audience that is yours",
        ),
    )
}

fn quoted_value(value: &Value) -> String {
    let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts: Vec<_> = texts.iter().map(|it| quoted(it.as_str().unwrap_or("(no text)"))).collect();
    list(&texts)
}

/// The setting with what the token says; where that is no plain text, with what it has to be.
fn assignment(setting: &str, said: Option<&Value>, otherwise: &str) -> String {
    let texts =
        said.map_or(&[][..], |it| it.as_array().map_or(std::slice::from_ref(it), Vec::as_slice));
    // Better Auth adds its own userinfo to the audiences of an access token.
    let ours = |text: &&str| !text.ends_with("/oauth2/userinfo");
    match texts.iter().filter_map(Value::as_str).find(ours).and_then(plain) {
        Some(value) => format!("set {setting}={value}, if it is meant for this server"),
        None => format!("set {setting} to {otherwise}"),
    }
}

pub(super) fn subject(reason: &'static str) -> Advice {
    if reason == PAIRWISE_SUBJECT {
        return Advice::new(
            reason,
            "set `subject_type: \"public\"` of the client at the auth server, so that `sub` is the user's id",
        );
    }
    Advice::new(
        "it names no user: `sub` is missing, or is no user id",
        "let the signer write the user's id as `sub`; Better Auth does, unless jwt.getSubject says \
         otherwise",
    )
}
