//! Better Auth's cookie cache, as a holder of its secret or keys could build it.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::support::auth_server::{AuthServer, SECRET};
use crate::support::issuer::Issuer;

/// The four formats of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheFormat {
    Compact,
    Jwt,
    Jwe,
    /// Signed with the key set.
    Signed,
}

pub const CACHE_FORMATS: [CacheFormat; 4] =
    [CacheFormat::Compact, CacheFormat::Jwt, CacheFormat::Jwe, CacheFormat::Signed];

pub const SIGNED_TYPE: &str = "better-auth.session-cache+jwt";

impl CacheFormat {
    /// Settings of a Better Auth server that uses this format.
    pub fn settings(self) -> Value {
        match self {
            Self::Compact => json!({"cookieCache": {"strategy": "compact"}}),
            Self::Jwt => json!({"cookieCache": {"strategy": "jwt"}}),
            Self::Jwe => json!({"cookieCache": {"strategy": "jwe"}}),
            Self::Signed => {
                json!({"cookieCache": {"strategy": "jwt"}, "sessionCookieCache": true})
            }
        }
    }

    pub fn start(self) -> AuthServer {
        AuthServer::start(&self.settings())
    }

    /// A cookie with this content and lifetime in seconds, by the tests' secret and issuer.
    pub fn encode(self, content: &Value, seconds: i64) -> String {
        let mut content = content.clone();
        let expires = now().timestamp() + seconds;
        if self != Self::Compact {
            content["exp"] = expires.into();
        }
        if self == Self::Signed {
            let members = [
                ("iss", json!(Issuer::shared().url())),
                ("aud", json!("better-auth:session-cache")),
                ("sub", content["user"]["id"].clone()),
                ("sid", content["session"]["token"].clone()),
            ];
            for (name, value) in members {
                if content.get(name).is_none() {
                    content[name] = value;
                }
            }
        }
        self.encode_text(&content.to_string(), expires)
    }

    /// The same of any text; if the format has an expiry of its own, it is `expires`.
    pub fn encode_text(self, text: &str, expires: i64) -> String {
        match self {
            Self::Compact => compact(text, expires * 1000, SECRET),
            Self::Jwt => hs256(r#"{"alg":"HS256"}"#, text, SECRET),
            Self::Jwe => jwe(r#"{"alg":"dir","enc":"A256CBC-HS512"}"#, text, SECRET),
            Self::Signed => {
                let header = json!({"alg": "EdDSA", "kid": "ed", "typ": SIGNED_TYPE});
                Issuer::shared().ed25519.sign_raw(&header, text)
            }
        }
    }
}

/// The cookie's content for a session with this token.
pub fn content(session_token: &str) -> Value {
    let present = now();
    let expires = present + chrono::TimeDelta::hours(1);
    json!({
        "session": {"id": "cached-session", "token": session_token, "userId": "cached-user",
            "expiresAt": expires.to_rfc3339(), "impersonatedBy": null},
        "user": {"id": "cached-user", "email": "cached@example.test", "role": "user,admin",
            "tier": "enterprise", "banned": false, "banExpires": null},
        "updatedAt": present.timestamp_millis(), "version": "1", "iat": present.timestamp(),
    })
}

pub fn compact(text: &str, expires: i64, secret: &str) -> String {
    let open = text.strip_suffix('}').unwrap();
    let message = format!("{open},\"expiresAt\":{expires}}}");
    let tag = URL_SAFE_NO_PAD.encode(tag(hmac::HMAC_SHA256, secret.as_bytes(), &[&message]));
    let whole = format!("{{\"session\":{text},\"expiresAt\":{expires},\"signature\":\"{tag}\"}}");
    URL_SAFE_NO_PAD.encode(whole)
}

pub fn hs256(header: &str, payload: &str, secret: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(payload));
    let tag = tag(hmac::HMAC_SHA256, secret.as_bytes(), &[&message]);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A JWE by `dir` and `A256CBC-HS512`, regardless of its header (RFC 7518 section 5.2.2.1).
pub fn jwe(header: &str, content: &str, secret: &str) -> String {
    let key = content_key(secret);
    let (authenticating, encrypting) = key.split_at(32);
    let header = URL_SAFE_NO_PAD.encode(header);
    let mut ciphertext = content.as_bytes().to_vec();
    let cipher = UnboundCipherKey::new(&AES_256, encrypting).unwrap();
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher).unwrap();
    let DecryptionContext::Iv128(iv) = cipher.encrypt(&mut ciphertext).unwrap() else {
        panic!("CBC has an initialization vector")
    };
    let iv: &[u8] = iv.as_ref();
    let length = (header.len() as u64 * 8).to_be_bytes();
    let parts = [header.as_bytes(), iv, &ciphertext, &length];
    let tag = tag(hmac::HMAC_SHA512, authenticating, &parts);
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{header}..{}.{}.{}", part(iv), part(&ciphertext), part(&tag[..32]))
}

fn tag<T: AsRef<[u8]>>(algorithm: hmac::Algorithm, key: &[u8], parts: &[T]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    for part in parts {
        context.update(part.as_ref());
    }
    context.sign().as_ref().to_vec()
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        64
    }
}

fn content_key(secret: &str) -> [u8; 64] {
    let mut key = [0; 64];
    let derived = Salt::new(HKDF_SHA256, b"better-auth-session").extract(secret.as_bytes());
    let info: [&[u8]; 1] = [b"BetterAuth.js Generated Encryption Key"];
    derived.expand(&info, Length).unwrap().fill(&mut key).unwrap();
    key
}
