//! Hints about the secret that signed a credential, when it differs from the configured one: which of
//! two copies is wrong, and how. Never reveals a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::IdentityConfig;
use crate::credential::cookies;
use crate::jose::better_auth_secret::SecretKeyring;
use crate::jose::jws::UnverifiedJws;

/// Which secret signed a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHint {
    /// The setting that holds the secret, or a variant of it.
    pub setting: &'static str,
    /// What is wrong with its value; none when it matches.
    pub flaw: Option<&'static str>,
}

/// A common mistake in copying a secret, and how to undo it.
type SecretVariant = (&'static str, fn(&str) -> Option<Vec<u8>>);

const SECRET_VARIANTS: [SecretVariant; 4] = [
    ("there is white space around it that is not part of it", |it| Some(it.trim().into())),
    ("there are quotes around it that are not part of it", |it| {
        Some(it.trim_matches(['"', '\'']).into())
    }),
    ("the signer's ends with a line break, and it does not", |it| Some(format!("{it}\n").into())),
    ("the signer decodes it from base64, and it is used as text", |it| STANDARD.decode(it).ok()),
];

const JWT_SECRET: &str = "JWT_SECRET";
const AUTH_SECRET: &str = "BETTER_AUTH_SECRET";

/// Which secret signed a JWT with HS256.
pub(crate) fn of_jwt(token: &str, rules: &IdentityConfig) -> Option<SecretHint> {
    let token = UnverifiedJws::read(token).ok()?;
    search(rules, [JWT_SECRET, AUTH_SECRET], |secrets| secrets.verify_hs256(&token))
}

/// Which secret signed a session token.
pub(crate) fn of_session_token(signed: &str, rules: &IdentityConfig) -> Option<SecretHint> {
    let signed = cookies::decoded(signed)?;
    search(rules, [AUTH_SECRET, JWT_SECRET], |secrets| secrets.signed_session_token(&signed))
}

fn search(
    rules: &IdentityConfig,
    settings: [&'static str; 2],
    matches: impl Fn(&SecretKeyring) -> bool,
) -> Option<SecretHint> {
    let held = |setting| match setting {
        JWT_SECRET => &rules.jwt_secrets,
        _ => &rules.auth_secrets,
    };
    let configured = |secrets: &[SecretString]| matches(&SecretKeyring::new(secrets));
    for setting in settings {
        if configured(held(setting)) {
            return Some(SecretHint { setting, flaw: None });
        }
    }
    for setting in settings {
        for (flaw, correct) in SECRET_VARIANTS {
            let corrected = held(setting).iter().filter_map(|it| correct(it.expose_secret()));
            if corrected.into_iter().any(|secret| matches(&SecretKeyring::from_bytes(&secret))) {
                return Some(SecretHint { setting, flaw: Some(flaw) });
            }
        }
    }
    None
}
