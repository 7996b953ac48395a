//! Token issuer of development mode.
//!
//! The signing key is generated on first start and stored beside the database; the tokens are verified
//! like those of any auth server. It exists in development mode only, which serves on loopback only.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_types::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::personas::Persona;

/// The `iss` and `aud` of the tokens.
const NAME: &str = "hallpass-development";
const KEY_ID: &str = "development";
/// Token lifetime: a working day.
const LIFETIME_SECONDS: i64 = 12 * 60 * 60;

/// Errors of the development token issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key file could not be read or written.
    #[error(
        "the development key {path} cannot be used ({source}): delete it, or fix its permissions"
    )]
    File {
        /// The path of the file.
        path: String,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The key is not an Ed25519 key.
    #[error("the development key is damaged: delete it, and a new one is created")]
    Key,
    /// A token could not be signed.
    #[error("a development token could not be signed")]
    Signature,
}

/// Signs persona tokens with its own Ed25519 key.
pub struct DevTokenIssuer {
    signing: EncodingKey,
    public: String,
}

impl DevTokenIssuer {
    /// The issuer with the key in the file at `path`, which is created if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn load_or_create(path: &Path) -> Result<Self, IssuerError> {
        let fail = |source| IssuerError::File { path: path.display().to_string(), source };
        let key = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_key_file(path).map_err(fail)?
            }
            read => read.map_err(fail)?,
        };
        Self::from_key(&key)
    }

    /// An issuer with a new key that is not stored.
    ///
    /// # Errors
    /// When no key could be generated.
    pub fn in_memory() -> Result<Self, IssuerError> {
        Self::from_key(&make_key().map_err(|_| IssuerError::Key)?)
    }

    fn from_key(pkcs8: &[u8]) -> Result<Self, IssuerError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| IssuerError::Key)?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(pkcs8),
            public: URL_SAFE_NO_PAD.encode(pair.public_key()),
        })
    }

    /// The `iss` and `aud` of its tokens.
    #[must_use]
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// Its public key, as a JSON Web Key Set.
    #[must_use]
    pub fn key_set(&self) -> Value {
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": KEY_ID, "x": self.public}
        ]})
    }

    /// A token for `persona`; none for an anonymous one, which has no credential.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self, persona: &Persona) -> Result<Option<SecretString>, IssuerError> {
        let Some(mut claims) = persona.claims() else { return Ok(None) };
        let issued = now().timestamp();
        let usual = [("iat", issued), ("exp", issued + LIFETIME_SECONDS)];
        claims.extend(usual.map(|(name, value)| (name.to_owned(), value.into())));
        claims.extend(["iss", "aud"].map(|name| (name.to_owned(), NAME.into())));
        self.sign(&Value::Object(claims)).map(|token| Some(token.into()))
    }

    /// Signs these claims: as an access token (RFC 9068) if they name a client, else as a first-party JWT.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, claims: &Value) -> Result<String, IssuerError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = claims.get("client_id").map(|_| "at+jwt".to_owned());
        header.kid = Some(KEY_ID.to_owned());
        let signed = jsonwebtoken::encode(&header, claims, &self.signing);
        signed.map_err(|_| IssuerError::Signature)
    }
}

fn make_key() -> std::io::Result<Vec<u8>> {
    Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map(|document| document.as_ref().to_vec())
        .map_err(|_| std::io::Error::other("no random numbers"))
}

/// Creates the key file atomically: two servers may start at once, and the first one wins.
fn make_key_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(&make_key()?)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read(path),
    }
}
