//! JSON Web Keys (RFC 7517): strict parsing, one algorithm per key, signature verification.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

use super::jws::{MAX_KEY_ID_BYTES, UnverifiedJws};

/// The accepted algorithms of keys (RFC 7518 section 3.1, RFC 8037): those of Better Auth's jwt
/// plugin, and ES384.
pub(crate) const ALGORITHMS: [&str; 6] = ["EdDSA", "ES256", "ES384", "ES512", "RS256", "PS256"];

/// Keys by their id.
pub(crate) type KeySet = HashMap<String, Arc<VerifyingKey>>;

/// A key with its one algorithm: the key determines the algorithm, never the token.
pub(crate) struct VerifyingKey {
    verifier: Verifier,
    /// The algorithm's name.
    pub(crate) algorithm: &'static str,
    /// SHA-256 of the key material: it distinguishes two keys with the same id.
    pub(crate) thumbprint: [u8; 32],
}

enum Verifier {
    Library(DecodingKey, Algorithm),
    /// ES512 is not in the JWT library, but in the cryptography library below it.
    P521(ParsedPublicKey),
}

impl VerifyingKey {
    /// Whether this key signed `token`.
    pub(crate) fn verify(&self, token: &UnverifiedJws<'_>) -> bool {
        match &self.verifier {
            Verifier::Library(key, algorithm) => verify_signature(token, key, *algorithm),
            Verifier::P521(key) => URL_SAFE_NO_PAD
                .decode(token.signature())
                .is_ok_and(|it| key.verify_sig(token.message().as_bytes(), &it).is_ok()),
        }
    }
}

/// Whether `key` signed `token` with `algorithm`.
pub(crate) fn verify_signature(
    token: &UnverifiedJws<'_>,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> bool {
    let message = token.message().as_bytes();
    jsonwebtoken::crypto::verify(token.signature(), message, key, algorithm).unwrap_or(false)
}

/// The keys of a JSON Web Key Set (RFC 7517 section 5): entries are parsed one by one, and unusable
/// ones are skipped. None when no key is usable.
pub(crate) fn read_set(document: &Value) -> Option<KeySet> {
    let entries = document.get("keys")?.as_array()?;
    let mut keys = KeySet::new();
    for entry in entries {
        if let Some((key_id, key)) = read_key(entry) {
            keys.entry(key_id).or_insert_with(|| Arc::new(key));
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// The usable keys of a JSON Web Key Set, with their public members only.
pub(crate) fn public_set(document: &Value) -> Value {
    const PUBLIC: [&str; 10] = ["kty", "crv", "alg", "kid", "use", "key_ops", "x", "y", "n", "e"];
    let public = |entry: &Value| -> Value {
        let members = entry.as_object().into_iter().flatten();
        let members = members.filter(|(name, _)| PUBLIC.contains(&name.as_str()));
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let entries = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    let usable = entries.filter(|entry| read_key(entry).is_some());
    json!({ "keys": usable.map(public).collect::<Vec<_>>() })
}

/// A public signing key with an accepted algorithm; none for any other entry.
fn read_key(entry: &Value) -> Option<(String, VerifyingKey)> {
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let key_id = member("kid").filter(|id| !id.is_empty() && id.len() <= MAX_KEY_ID_BYTES)?;
    if !is_for_signatures(entry) || entry.get("d").is_some() || entry.get("k").is_some() {
        return None;
    }
    let stated = match entry.get("alg") {
        None => None,
        Some(alg) => Some(alg.as_str()?),
    };
    let key = match (member("kty")?, member("crv"), stated) {
        ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => ed25519(entry)?,
        ("EC", Some("P-256"), None | Some("ES256")) => {
            elliptic(entry, 32, "ES256", Algorithm::ES256)?
        }
        ("EC", Some("P-384"), None | Some("ES384")) => {
            elliptic(entry, 48, "ES384", Algorithm::ES384)?
        }
        ("EC", Some("P-521"), None | Some("ES512")) => p521(entry)?,
        ("RSA", None, None | Some("RS256")) => rsa(entry, "RS256", Algorithm::RS256)?,
        ("RSA", None, Some("PS256")) => rsa(entry, "PS256", Algorithm::PS256)?,
        _ => return None,
    };
    Some((key_id.to_owned(), key))
}

/// Why an entry of a key set is skipped; none when it is not.
pub(crate) fn unusable_reason(entry: &Value) -> Option<&'static str> {
    if read_key(entry).is_some() {
        return None;
    }
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    if member("kid").is_none_or(str::is_empty) {
        return Some("it has no kid");
    }
    if entry.get("d").is_some() || entry.get("k").is_some() {
        return Some("it is a private key, which must never be published");
    }
    if !is_for_signatures(entry) {
        return Some("it is not for signatures");
    }
    match (member("kty"), member("crv")) {
        (Some("OKP"), Some("Ed25519")) | (Some("EC"), Some("P-256" | "P-384" | "P-521")) => {}
        (Some("RSA"), _) if matches!(member("alg"), None | Some("RS256" | "PS256")) => {}
        _ => return Some("its algorithm is not accepted"),
    }
    Some("its algorithm does not match its type, or its numbers are not a valid key")
}

fn bytes(entry: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(entry.get(name)?.as_str()?).ok()
}

fn coordinate(entry: &Value, name: &str, length: usize) -> Option<Vec<u8>> {
    bytes(entry, name).filter(|bytes| bytes.len() == length)
}

fn key(verifier: Verifier, algorithm: &'static str, parts: &[&[u8]]) -> VerifyingKey {
    let mut hash = digest::Context::new(&SHA256);
    hash.update(algorithm.as_bytes());
    for part in parts {
        hash.update(&part.len().to_be_bytes());
        hash.update(part);
    }
    let mut thumbprint = [0; 32];
    thumbprint.copy_from_slice(hash.finish().as_ref());
    VerifyingKey { verifier, algorithm, thumbprint }
}

fn ed25519(entry: &Value) -> Option<VerifyingKey> {
    let point = coordinate(entry, "x", 32).filter(|x| !has_small_order(x))?;
    let verifier = Verifier::Library(DecodingKey::from_ed_der(&point), Algorithm::EdDSA);
    Some(key(verifier, "EdDSA", &[&point]))
}

fn elliptic(
    entry: &Value,
    length: usize,
    name: &'static str,
    algorithm: Algorithm,
) -> Option<VerifyingKey> {
    let (x, y) = (coordinate(entry, "x", length)?, coordinate(entry, "y", length)?);
    let library =
        DecodingKey::from_ec_components(entry["x"].as_str()?, entry["y"].as_str()?).ok()?;
    Some(key(Verifier::Library(library, algorithm), name, &[&x, &y]))
}

fn p521(entry: &Value) -> Option<VerifyingKey> {
    let (x, y) = (coordinate(entry, "x", 66)?, coordinate(entry, "y", 66)?);
    // SEC 1 section 2.3.3: an uncompressed point.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let parsed = ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).ok()?;
    Some(key(Verifier::P521(parsed), "ES512", &[&x, &y]))
}

/// RFC 7518 section 3.3: 2048 bits at least. With an exponent of one, any signature is forgeable.
fn rsa(entry: &Value, name: &'static str, algorithm: Algorithm) -> Option<VerifyingKey> {
    let (modulus, exponent) = (bytes(entry, "n")?, bytes(entry, "e")?);
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    let small = exponent.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
    let odd = small.last().is_some_and(|byte| byte % 2 == 1);
    if !(256..=1024).contains(&significant) || !odd || small == [1] {
        return None;
    }
    let library = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Some(key(Verifier::Library(library, algorithm), name, &[&modulus, &exponent]))
}

/// Small-order points, for which signatures can be forged without a key (RFC 8032 section 8.9 leaves
/// the check to the verifier): the y coordinates of order 1, 2, 4 and 8, in every encoding, ignoring the sign.
fn has_small_order(point: &[u8]) -> bool {
    const SMALL_ORDER_POINTS: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = point else { return true };
    let last = last & 0x7f;
    let near_zero = *first <= 1 && middle.iter().all(|byte| *byte == 0) && last == 0;
    let near_prime = *first >= 0xec && middle.iter().all(|byte| *byte == 0xff) && last == 0x7f;
    let order_eight = SMALL_ORDER_POINTS
        .iter()
        .any(|known| known[0] == *first && known[1..31] == *middle && known[31] == last);
    near_zero || near_prime || order_eight
}

/// RFC 7517 sections 4.2 and 4.3: a key with a declared use is used for nothing else.
fn is_for_signatures(entry: &Value) -> bool {
    let used = match entry.get("use") {
        None => true,
        Some(purpose) => purpose == "sig",
    };
    let operable = match entry.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    used && operable
}
