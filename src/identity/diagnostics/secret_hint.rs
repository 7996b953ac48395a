//! What can be said of the secret that signed something, where it is not the one that is set: for
//! the operator who has to find out which of two copies is wrong. A secret itself is never told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::IdentityConfig;
use crate::identity::credential::cookies;
use crate::identity::jose::better_auth_secret::SecretKeyring;
use crate::identity::jose::jws::UnverifiedJws;

/// Which secret signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHint {
    /// The setting that holds the secret, or nearly.
    pub setting: &'static str,
    /// What is wrong with what it holds; none where it fits.
    pub flaw: Option<&'static str>,
}

/// How a secret is copied wrong.
type SecretVariant = (&'static str, fn(&str) -> Option<Vec<u8>>);

const SECRET_VARIANTS: [SecretVariant; 4] = [
    ("there is white space around it that does not belong to it", |it| Some(it.trim().into())),
    ("there are quotes around it that do not belong to it", |it| {
        Some(it.trim_matches(['"', '\'']).into())
    }),
    ("the signer's ends with a line break, and it does not", |it| Some(format!("{it}\n").into())),
    ("the signer decodes it from base64, and it is used as it stands", |it| {
        STANDARD.decode(it).ok()
    }),
];

const JWT_SECRET: &str = "JWT_SECRET";
const AUTH_SECRET: &str = "BETTER_AUTH_SECRET";

/// Which secret signed a JWT by HS256.
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
    fits: impl Fn(&SecretKeyring) -> bool,
) -> Option<SecretHint> {
    let held = |setting| match setting {
        JWT_SECRET => &rules.jwt_secrets,
        _ => &rules.auth_secrets,
    };
    let fitting = |secrets: &[SecretString]| fits(&SecretKeyring::new(secrets));
    for setting in settings {
        if fitting(held(setting)) {
            return Some(SecretHint { setting, flaw: None });
        }
    }
    for setting in settings {
        for (flaw, slip) in SECRET_VARIANTS {
            let slipped = held(setting).iter().filter_map(|it| slip(it.expose_secret()));
            if slipped.into_iter().any(|secret| fits(&SecretKeyring::from_bytes(&secret))) {
                return Some(SecretHint { setting, flaw: Some(flaw) });
            }
        }
    }
    None
}
