//! Advice on rejected JWTs: kind, algorithm, key, signature, issuer, audience, subject.

use serde_json::Value;

use super::super::keys::known_ids;
use super::super::setup::origin_of;
use super::{Advice, Case};
use crate::doctor::render::{list, plain, quoted};
use hallpass_identity::{Check, CredentialRejected, CredentialShape, PAIRWISE_SUBJECT};

pub(super) fn advise(case: &Case<'_>, rejection: CredentialRejected) -> Advice {
    match rejection.check {
        Check::Kind => kind(case, rejection.reason),
        Check::Algorithm => algorithm(case, rejection.reason),
        Check::Key => key(case),
        Check::Signature => signature(case),
        Check::Issuer => issuer(case),
        Check::Audience => audience(case),
        Check::Subject => subject(rejection.reason),
        Check::Header => Advice::new(
            rejection.reason,
            format!("use a JWT from {}, which has a standard header", case.token_endpoint()),
        ),
        Check::Form | Check::Times | Check::Known | Check::Ban | Check::Revocation => {
            Advice::only(rejection.reason)
        }
    }
}

/// Advice for sender-constrained tokens (DPoP).
pub(super) const DPOP_FIX: &str = "DPoP is not supported: let the client request plain Bearer tokens (without `DPoP` proofs, and with \
     dpop_bound_access_tokens off at the auth server)";

fn kind(case: &Case<'_>, reason: &str) -> Advice {
    if case.claim("cnf").is_some() {
        let reason = "it is bound to a key of its client (`cnf`, DPoP of RFC 9449), so it is not a Bearer token";
        return Advice::new(reason, DPOP_FIX);
    }
    let authenticator = &case.doctor.authenticator;
    let (rules, shape) = (authenticator.rules(), case.inspection.shape);
    if shape == CredentialShape::AccessToken && rules.oauth_resources.is_empty() {
        return Advice::new(
            "OAuth access tokens are not accepted: OAUTH_RESOURCE is not set",
            assignment("OAUTH_RESOURCE", case.claim("aud"), "your resource"),
        );
    }
    if shape == CredentialShape::IdToken && rules.client_ids.is_empty() {
        let client = case.claim("azp").or_else(|| case.claim("aud"));
        return Advice::new(
            "OpenID Connect id tokens are not accepted: SSO_CLIENT_ID is not set",
            assignment("SSO_CLIENT_ID", client, "the client id of your application"),
        );
    }
    if shape == CredentialShape::SharedSecret && rules.jwt_secrets.is_empty() {
        return no_secret(case);
    }
    let endpoint = case.token_endpoint();
    if shape == CredentialShape::CookieCache {
        return Advice::new(
            "it is Better Auth's cookie cache, not a bearer token",
            format!("send it as a cookie, with COOKIE_CACHE=trust, or use a JWT from {endpoint}"),
        );
    }
    if shape != CredentialShape::SharedSecret && authenticator.keys_for(shape).is_empty() {
        return no_keys(case);
    }
    Advice::new(reason, format!("use a JWT from {endpoint}"))
}

/// An HS256 token without JWT_SECRET.
fn no_secret(case: &Case<'_>) -> Advice {
    if case.claim("nonce").is_some() || case.claim("at_hash").is_some() {
        return Advice::new(
            "it is an id token signed with the client's secret (HS256), as issued by an auth server without \
             the jwt plugin",
            "add the jwt plugin to the auth server, so that its keys sign id tokens",
        );
    }
    let mine = case.inspection.hint.filter(|clue| clue.setting == "BETTER_AUTH_SECRET");
    let signer = match mine {
        Some(_) => {
            "; it is signed with BETTER_AUTH_SECRET, which Better Auth does not use for bearer tokens"
        }
        None => "",
    };
    Advice::new(
        format!("it is signed with a shared secret (HS256), and JWT_SECRET is not set{signer}"),
        format!(
            "set JWT_SECRET to the secret that signed it, or use a JWT from {}: Better Auth signs \
             with the keys of its key set (EdDSA), never with HS256",
            case.token_endpoint()
        ),
    )
}

/// A token signed with a key, without a key set.
fn no_keys(case: &Case<'_>) -> Advice {
    let algorithm = case.header("alg").map_or_else(String::new, |it| format!(" ({})", quoted(it)));
    let server = case.claim("iss").and_then(Value::as_str).and_then(plain).and_then(origin_of);
    let server = server.filter(|it| it != "null").map_or_else(
        || "set BETTER_AUTH_URL to the auth server".to_owned(),
        |origin| format!("set BETTER_AUTH_URL={origin}, if that is your auth server"),
    );
    Advice::new(
        format!(
            "it is signed with a key{algorithm}, but no key set is configured: JWT_SECRET \
             verifies HS256 only"
        ),
        format!("{server}; or set JWKS_URL, JWT_ISSUER and JWT_AUDIENCE"),
    )
}

/// The token of an e-mail link, used as a login.
pub(super) fn mail_link(case: &Case<'_>) -> Advice {
    Advice::new(
        "it is the token of a link that Better Auth mails (it has an e-mail address, but no user): \
         it confirms an address, and does not authenticate a user",
        format!(
            "use a JWT from {}; JWT_SECRET must not be BETTER_AUTH_SECRET, which signs such links",
            case.token_endpoint()
        ),
    )
}

fn algorithm(case: &Case<'_>, reason: &str) -> Advice {
    let Some(algorithm_name) = case.header("alg") else {
        return Advice::new(reason, format!("use a JWT from {}", case.token_endpoint()));
    };
    let keys = case.doctor.authenticator.keys_for(case.inspection.shape);
    let own = case.header("kid").and_then(|kid| keys.iter().find(|(id, _)| id == kid));
    if let Some((_, algorithm)) = own.filter(|(_, algorithm)| *algorithm != algorithm_name) {
        return Advice::new(
            format!(
                "the `alg` of its header is {}, but its key in the key set is for {algorithm}",
                quoted(algorithm_name)
            ),
            "send the token unchanged; if it is, JWKS_URL points to another server's key set",
        );
    }
    let plugin = "set keyPairConfig.alg of the auth server's jwt plugin to EdDSA, ES256, ES512, RS256 or \
                  PS256";
    let other = match algorithm_name {
        "HS384" | "HS512" => "let its signer use HS256 with JWT_SECRET".to_owned(),
        "none" => format!("use a JWT from {}: this one is not signed", case.token_endpoint()),
        _ => plugin.to_owned(),
    };
    Advice::new(
        format!(
            "its algorithm {} is not accepted: use EdDSA, ES256, ES384, ES512, RS256 or PS256, or \
             HS256 with JWT_SECRET",
            quoted(algorithm_name)
        ),
        other,
    )
}

fn key(case: &Case<'_>) -> Advice {
    let shape = case.inspection.shape;
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
        known_ids(case.doctor, shape)
    );
    let issuer = case.claim("iss").and_then(Value::as_str).unwrap_or_default();
    let known = case.doctor.authenticator.rules().issuers.iter().any(|it| it == issuer);
    let provider = case.doctor.authenticator.rules().oidc_issuer.as_deref() == Some(issuer);
    let fix = match plain(issuer).and_then(origin_of).filter(|it| it != "null") {
        Some(origin) if !known && !provider => format!(
            "it is from another server: set BETTER_AUTH_URL={origin} (or JWKS_URL), if that is your auth \
             server; else use a token from {}",
            case.token_endpoint()
        ),
        _ => format!(
            "take a new one from {}: the key that signed it was removed; if it is new, a cache in \
             front of the auth server has an old key set; or correct JWKS_URL, if it points to \
             another server's key set",
            case.token_endpoint()
        ),
    };
    Advice::new(reason, fix)
}

fn signature(case: &Case<'_>) -> Advice {
    if case.inspection.shape != CredentialShape::SharedSecret {
        return Advice::new(
            "its signature does not match the key of its `kid`: it was modified in transit, or another \
             server has a key with the same id",
            format!(
                "copy it completely, or take a new one from {}; JWKS_URL must be the signer's",
                case.token_endpoint()
            ),
        );
    }
    match case.inspection.hint {
        Some(clue) => match clue.flaw {
            Some(flaw) => Advice::new(
                format!("{} is nearly the secret that signed it: {flaw}", clue.setting),
                format!("write {} as the signer has it", clue.setting),
            ),
            None => Advice::new(
                format!("it is signed with {}, but JWT_SECRET is another secret", clue.setting),
                format!("set JWT_SECRET to the secret of {}", clue.setting),
            ),
        },
        None => Advice::new(
            "it is signed with another secret than JWT_SECRET (HS256)",
            format!(
                "copy JWT_SECRET from the signer of the token, complete and without quotes; if Better \
                 Auth should sign, use a JWT from {}",
                case.token_endpoint()
            ),
        ),
    }
}

fn issuer(case: &Case<'_>) -> Advice {
    let rules = case.doctor.authenticator.rules();
    let (setting, accepted) = match case.inspection.shape {
        CredentialShape::SharedSecret => ("JWT_SECRET_ISSUER", rules.jwt_secret_issuers.as_slice()),
        shape if shape.is_of_provider() => ("OIDC_ISSUER", rules.oidc_issuer.as_slice()),
        _ => ("JWT_ISSUER", rules.issuers.as_slice()),
    };
    let shown: Vec<_> = accepted.iter().map(|it| quoted(it)).collect();
    let shown = list(&shown);
    let Some(issuer) = case.claim("iss").and_then(Value::as_str) else {
        return Advice::new(
            format!("it has no issuer (`iss`), but {setting} accepts {shown}"),
            "let the signer write `iss`; Better Auth does if its baseURL is set".to_owned(),
        );
    };
    let similar = accepted.iter().find_map(|other| difference(issuer, other));
    let how = similar.map_or_else(String::new, |how| format!(": they differ by {how}"));
    let fix = match plain(issuer) {
        Some(value) if accepted.len() > 1 => {
            format!("add {value} to {setting}, if that is your auth server")
        }
        Some(value) => format!("set {setting}={value}, if that is your auth server"),
        None => format!("set {setting} to the issuer that your auth server writes"),
    };
    Advice::new(
        format!("its issuer is {}, but {setting} accepts {shown}{how}", quoted(issuer)),
        fix,
    )
}

/// The difference of two similar issuers.
fn difference(claimed: &str, accepted: &str) -> Option<&'static str> {
    let host = |text: &str| text.replace("//localhost", "//127.0.0.1");
    let bare = |text: &str| text.replacen("https://", "http://", 1);
    if claimed.trim_end_matches('/') == accepted.trim_end_matches('/') {
        Some("a slash at the end")
    } else if claimed.eq_ignore_ascii_case(accepted) {
        Some("capital letters")
    } else if bare(claimed) == bare(accepted) {
        Some("http and https")
    } else if host(claimed) == host(accepted) {
        Some("localhost and 127.0.0.1")
    } else {
        let longer = claimed.starts_with(&format!("{accepted}/"));
        (longer || accepted.starts_with(&format!("{claimed}/"))).then_some("the path")
    }
}

fn audience(case: &Case<'_>) -> Advice {
    let rules = case.doctor.authenticator.rules();
    let (setting, accepted) = if case.inspection.shape == CredentialShape::AccessToken {
        ("OAUTH_RESOURCE", &rules.oauth_resources)
    } else if case.inspection.shape == CredentialShape::IdToken {
        ("SSO_CLIENT_ID", &rules.client_ids)
    } else if case.inspection.shape == CredentialShape::SharedSecret {
        ("JWT_SECRET_AUDIENCE", &rules.jwt_secret_audiences)
    } else {
        ("JWT_AUDIENCE", &rules.audiences)
    };
    let shown: Vec<_> = accepted.iter().map(|it| quoted(it)).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { list(&shown) };
    let Some(claimed) = case.claim("aud") else {
        return Advice::new(
            format!("it has no audience (`aud`), but {setting} accepts {shown}"),
            format!(
                "let the signer write one of these as `aud`, or set {setting} to the signer's `aud`"
            ),
        );
    };
    let azp = case.claim("azp").and_then(Value::as_str).filter(|_| setting == "SSO_CLIENT_ID");
    let issued_to = azp.map_or_else(String::new, |azp| format!(", issued to {}", quoted(azp)));
    Advice::new(
        format!(
            "its audience is {}{issued_to}, but {setting} accepts {shown}",
            quoted_value(claimed)
        ),
        assignment(setting, azp.map(Value::from).as_ref().or(Some(claimed)), "your audience"),
    )
}

fn quoted_value(value: &Value) -> String {
    let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let texts: Vec<_> =
        texts.iter().map(|it| quoted(it.as_str().unwrap_or("(not a string)"))).collect();
    list(&texts)
}

/// The setting with the token's value, or with a description if the value is not plain text.
fn assignment(setting: &str, claimed: Option<&Value>, otherwise: &str) -> String {
    let texts =
        claimed.map_or(&[][..], |it| it.as_array().map_or(std::slice::from_ref(it), Vec::as_slice));
    // Better Auth adds its own userinfo to the audiences of an access token.
    let is_application = |text: &&str| !text.ends_with("/oauth2/userinfo");
    match texts.iter().filter_map(Value::as_str).find(is_application).and_then(plain) {
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
        "it has no user: `sub` is missing, or is not a user id",
        "let the signer write the user's id as `sub`; Better Auth does, unless jwt.getSubject is \
         customized",
    )
}
