//! Parser of signed tokens that are not verified yet: JWS compact serialization (RFC 7515 section 7.1).

use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::claims::Claims;
use crate::error::{AuthError, Check, rejected};
use crate::strict_json::StrictJson;

/// The longest accepted key id.
pub(crate) const MAX_KEY_ID_BYTES: usize = 256;

/// Header members that require an unsupported feature: critical extensions (RFC 7515 section 4.1.11,
/// RFC 7797), encryption, compression and nesting (RFC 7516, RFC 7519 section 5.2).
const UNSUPPORTED_HEADERS: [&str; 8] = ["crit", "b64", "enc", "zip", "epk", "p2c", "p2s", "cty"];

/// The declared type of a token (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typ {
    /// None, or `JWT`.
    Jwt,
    /// An OAuth access token (RFC 9068 section 2.1).
    AccessToken,
    /// Better Auth's `sessionCookieCache`.
    SessionCache,
    /// Something else.
    Other,
}

/// The parts of a token whose signature is not verified yet.
pub(crate) struct UnverifiedJws<'a> {
    header: Claims,
    claims: Claims,
    signature: &'a str,
    message: &'a str,
}

impl<'a> UnverifiedJws<'a> {
    /// Parses three parts, each base64url without padding, the first two JSON objects.
    pub(crate) fn read(token: &'a str) -> Result<Self, AuthError> {
        let Some((message, signature)) = token.rsplit_once('.') else {
            return rejected(Check::Form, "the token does not have three parts");
        };
        let Some((header, payload)) = message.split_once('.') else {
            return rejected(Check::Form, "the token does not have three parts");
        };
        let Some(header) = decode_object(header) else {
            return rejected(Check::Form, "the token's header is not a plain JSON object");
        };
        if URL_SAFE_NO_PAD.decode(signature).is_err() {
            return rejected(Check::Form, "the token's signature is not base64url");
        }
        let Some(claims) = decode_object(payload) else {
            return rejected(Check::Form, "the token's payload is not a plain JSON object");
        };
        check_header(&header)?;
        Ok(Self { header, claims, signature, message })
    }

    pub(crate) fn typ(&self) -> Typ {
        let Some(typ) = self.header.get("typ").and_then(Value::as_str) else { return Typ::Jwt };
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        match typ.to_ascii_lowercase().as_str() {
            "jwt" => Typ::Jwt,
            "at+jwt" => Typ::AccessToken,
            "better-auth.session-cache+jwt" => Typ::SessionCache,
            _ => Typ::Other,
        }
    }

    /// The algorithm. `Ed25519` (RFC 9864) is the newer name of `EdDSA` with the only curve accepted here.
    pub(crate) fn algorithm(&self) -> Result<&str, AuthError> {
        match self.header.get("alg").and_then(Value::as_str) {
            Some("Ed25519") => Ok("EdDSA"),
            Some(algorithm) => Ok(algorithm),
            None => rejected(Check::Algorithm, "the token's header names no algorithm"),
        }
    }

    pub(crate) fn key_id(&self) -> Result<&str, AuthError> {
        match self.header.get("kid").and_then(Value::as_str) {
            Some(id) => Ok(id),
            None => rejected(Check::Key, "the token's header names no key"),
        }
    }

    /// The claims; to be trusted only once the signature is verified.
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The signing input.
    pub(crate) fn message(&self) -> &'a str {
        self.message
    }

    /// SHA-256 of the whole token.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = digest::Context::new(&SHA256);
        hash.update(self.message.as_bytes());
        hash.update(b".");
        hash.update(self.signature.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        digest
    }

    /// The signature, as base64url.
    pub(crate) fn signature(&self) -> &'a str {
        self.signature
    }
}

fn check_header(header: &Claims) -> Result<(), AuthError> {
    if UNSUPPORTED_HEADERS.iter().any(|member| header.contains_key(*member)) {
        return rejected(Check::Header, "the token's header requires an unsupported feature");
    }
    match header.get("kid") {
        None => {}
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_KEY_ID_BYTES => {}
        Some(_) => {
            return rejected(Check::Header, "the token's header has an unusable key id");
        }
    }
    match header.get("typ") {
        None | Some(Value::String(_)) => Ok(()),
        Some(_) => rejected(Check::Header, "the token's type is not text"),
    }
}

fn decode_object(part: &str) -> Option<Claims> {
    StrictJson::object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}
