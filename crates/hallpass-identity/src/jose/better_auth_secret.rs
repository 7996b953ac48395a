//! Better Auth's secret: verifies and decrypts session cookies and the cookie cache (HMAC-SHA-256, JWE).

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret as _, SecretString};

use super::jwe::DirectJwe;
use super::jwk::verify_signature;
use super::jws::UnverifiedJws;

/// The secrets of the auth server. Any of them may have signed: during a rotation there are two.
pub(crate) struct SecretKeyring(Vec<Secret>);

struct Secret {
    hmac: hmac::Key,
    hs256: DecodingKey,
    /// The content encryption key of `A256CBC-HS512`: its first half authenticates, its second
    /// encrypts (RFC 7518 section 5.2.2.1).
    content: [u8; 64],
}

struct ContentKeyLength;

impl KeyType for ContentKeyLength {
    fn len(&self) -> usize {
        64
    }
}

impl SecretKeyring {
    pub(crate) fn new(secrets: &[SecretString]) -> Self {
        let read = |secret: &SecretString| Secret::new(secret.expose_secret().as_bytes());
        Self(secrets.iter().map(read).collect())
    }

    /// A keyring of one secret.
    pub(crate) fn from_bytes(secret: &[u8]) -> Self {
        Self(vec![Secret::new(secret)])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `TOKEN.SIGNATURE` is a session token that the auth server signed: the signature is
    /// the HMAC-SHA-256 of the token, in base64.
    pub(crate) fn signed_session_token(&self, signed: &str) -> bool {
        let Some((token, signature)) = signed.split_once('.') else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        self.authenticate(token.as_bytes(), &signature)
    }

    /// `TOKEN.SIGNATURE` for a session token, once per secret.
    pub(crate) fn sign_session_token(&self, token: &str) -> Vec<SecretString> {
        let sign = |secret: &Secret| {
            let tag = hmac::sign(&secret.hmac, token.as_bytes());
            format!("{token}.{}", STANDARD.encode(tag)).into()
        };
        self.0.iter().map(sign).collect()
    }

    /// Whether `tag` is the HMAC-SHA-256 of `message` with one of the secrets.
    pub(crate) fn authenticate(&self, message: &[u8], tag: &[u8]) -> bool {
        self.0.iter().any(|secret| hmac::verify(&secret.hmac, message, tag).is_ok())
    }

    /// Whether `token` is signed with one of the secrets (HS256).
    pub(crate) fn verify_hs256(&self, token: &UnverifiedJws<'_>) -> bool {
        self.0.iter().any(|secret| verify_signature(token, &secret.hs256, Algorithm::HS256))
    }

    /// Decrypts a compact JWE (RFC 7516 section 7.1) with `dir` and `A256CBC-HS512`, which is what
    /// Better Auth uses. None for other algorithms, or when no secret matches.
    pub(crate) fn decrypt_compact(&self, jwe: &str) -> Option<Vec<u8>> {
        let jwe = DirectJwe::parse(jwe)?;
        self.0.iter().find_map(|secret| jwe.decrypt(&secret.content))
    }
}

impl Secret {
    fn new(secret: &[u8]) -> Self {
        let mut content = [0; 64];
        let derived = Salt::new(HKDF_SHA256, b"better-auth-session").extract(secret);
        derived
            .expand(&[b"BetterAuth.js Generated Encryption Key"], ContentKeyLength)
            .and_then(|key| key.fill(&mut content))
            .expect("64 bytes are within the limit of HKDF with SHA-256");
        Self {
            hmac: hmac::Key::new(hmac::HMAC_SHA256, secret),
            hs256: DecodingKey::from_secret(secret),
            content,
        }
    }
}
