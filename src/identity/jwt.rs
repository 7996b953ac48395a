//! JSON Web Tokens (RFC 7519), by the rules of RFC 8725.
//!
//! The library checks the signature; every claim is checked here, because its own checks let a token
//! without `iss` or `aud` pass. The order: form, header, key, signature, claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use hallpass_entity::{Timestamp, now};
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::caller::{Caller, Claims, Reading, Via, subject};
use super::jwks::{Jwks, LONGEST_KEY_ID};
use super::{Fault, refused};
use crate::config::IdentityConfig;

/// Verifies first-party JWTs and, with a shared secret, HS256 tokens.
pub(super) struct JwtVerifier {
    rules: IdentityConfig,
    jwks: Option<Jwks>,
    secrets: Vec<DecodingKey>,
}

/// The parts of a token whose signature is not checked yet.
struct Unverified<'a> {
    header: Claims,
    payload: &'a str,
    signature: &'a str,
    message: &'a str,
}

impl JwtVerifier {
    pub(super) fn new(rules: IdentityConfig, jwks: Option<Jwks>) -> Self {
        let secrets = rules
            .jwt_secrets
            .iter()
            .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()))
            .collect();
        Self { rules, jwks, secrets }
    }

    pub(super) async fn ready(&self) -> bool {
        match &self.jwks {
            Some(jwks) => jwks.ready().await,
            None => true,
        }
    }

    pub(super) async fn verify(&self, token: &SecretString) -> Result<Caller, Fault> {
        let token = Unverified::read(token.expose_secret())?;
        let via = match token.algorithm()? {
            "HS256" => {
                self.check_shared_secret(&token)?;
                Via::SharedSecret
            }
            stated => {
                self.check_key(&token, stated).await?;
                Via::Jwt
            }
        };
        self.caller(via, &token.claims()?)
    }

    fn check_shared_secret(&self, token: &Unverified<'_>) -> Result<(), Fault> {
        if self.secrets.is_empty() {
            return refused("no shared secret is configured for HS256 tokens");
        }
        if self.secrets.iter().any(|secret| token.is_signed_by(secret, Algorithm::HS256)) {
            return Ok(());
        }
        refused("the signature does not fit the shared secret")
    }

    async fn check_key(&self, token: &Unverified<'_>, stated: &str) -> Result<(), Fault> {
        let Some(jwks) = &self.jwks else {
            return refused("no key set is configured for signed tokens");
        };
        if !["EdDSA", "ES256", "RS256", "PS256"].contains(&stated) {
            return refused("the token's algorithm is not accepted");
        }
        let key = jwks.key(token.key_id()?).await?;
        if name(key.algorithm) != Some(stated) {
            return refused("the token's algorithm is not its key's");
        }
        if !token.is_signed_by(&key.key, key.algorithm) {
            return refused("the signature does not fit the key");
        }
        Ok(())
    }

    fn caller(&self, via: Via, claims: &Claims) -> Result<Caller, Fault> {
        check_kind(claims)?;
        let expires_at = self.check_times(claims)?;
        let rules = &self.rules;
        check_issuer(via, claims, &rules.issuers)?;
        check_audience(via, claims, &rules.audiences)?;
        let id = match (via, claims.get("sub")) {
            // Signers of the application's own sometimes name the user `id`; never the address,
            // which Better Auth's mail links carry under the same algorithm.
            (Via::SharedSecret, None) => subject(claims.get("id"))?,
            (_, sub) => subject(sub)?,
        };
        let reading = Reading { names: &rules.claims, tiers: &rules.tiers };
        Caller::from_claims(id, via, claims, expires_at, &reading)
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6. `exp` is required; a token from the future is not good yet.
    fn check_times(&self, claims: &Claims) -> Result<Timestamp, Fault> {
        let present = now();
        let leeway = chrono::TimeDelta::from_std(self.rules.leeway).unwrap_or_default();
        let Some(expires_at) = time(claims, "exp")? else {
            return refused("the token has no expiry");
        };
        if expires_at + leeway <= present {
            return refused("the token has expired");
        }
        if time(claims, "nbf")?.is_some_and(|start| start - leeway > present) {
            return refused("the token is not valid yet");
        }
        if time(claims, "iat")?.is_some_and(|issued| issued - leeway > present) {
            return refused("the token was issued in the future: check the clocks");
        }
        Ok(expires_at)
    }
}

impl<'a> Unverified<'a> {
    /// RFC 7515 section 7.1: three parts, each base64url without padding.
    fn read(token: &'a str) -> Result<Self, Fault> {
        let Some((message, signature)) = token.rsplit_once('.') else {
            return refused("the token does not have three parts");
        };
        let Some((header, payload)) = message.split_once('.') else {
            return refused("the token does not have three parts");
        };
        let Some(header) = decode_object(header) else {
            return refused("the token's header is not a JSON object");
        };
        if URL_SAFE_NO_PAD.decode(signature).is_err() {
            return refused("the token's signature is not base64url");
        }
        // RFC 7515 section 4.1.11 and RFC 7797: extensions that must be understood, and are not.
        if header.contains_key("crit") || header.contains_key("b64") {
            return refused("the token's header asks for an extension");
        }
        match header.get("kid") {
            None => {}
            Some(Value::String(id)) if !id.is_empty() && id.len() <= LONGEST_KEY_ID => {}
            Some(_) => return refused("the token's header names its key in no usable way"),
        }
        match header.get("typ") {
            None => {}
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
            Some(_) => return refused("the token is of another type than a first-party JWT"),
        }
        Ok(Self { header, payload, signature, message })
    }

    fn algorithm(&self) -> Result<&str, Fault> {
        match self.header.get("alg").and_then(Value::as_str) {
            Some(algorithm) => Ok(algorithm),
            None => refused("the token's header names no algorithm"),
        }
    }

    fn key_id(&self) -> Result<&str, Fault> {
        match self.header.get("kid").and_then(Value::as_str) {
            Some(id) => Ok(id),
            None => refused("the token's header names no key"),
        }
    }

    fn is_signed_by(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, algorithm)
            .unwrap_or(false)
    }

    fn claims(&self) -> Result<Claims, Fault> {
        match decode_object(self.payload) {
            Some(claims) => Ok(claims),
            None => refused("the token's payload is not a JSON object"),
        }
    }
}

fn decode_object(part: &str) -> Option<Claims> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::EdDSA => Some("EdDSA"),
        Algorithm::ES256 => Some("ES256"),
        Algorithm::RS256 => Some("RS256"),
        Algorithm::PS256 => Some("PS256"),
        _ => None,
    }
}

/// A NumericDate (RFC 7519 section 2): a finite number of seconds, with or without a fraction.
fn time(claims: &Claims, claim: &str) -> Result<Option<Timestamp>, Fault> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let Some(seconds) = value.as_f64().filter(|seconds| seconds.is_finite()) else {
        return refused("a time in the token is not a number");
    };
    // What is too large for a date is clipped to one, on the same side of now.
    let seconds = seconds.clamp(-8e12, 8e12);
    #[expect(clippy::cast_possible_truncation, reason = "clipped to the range of dates above")]
    let micros = (seconds * 1e6) as i64;
    match DateTime::from_timestamp_micros(micros) {
        Some(time) => Ok(Some(time)),
        None => refused("a time in the token is no time"),
    }
}

/// RFC 8725 section 3.12: one kind of token never passes for another. The same keys sign machine
/// tokens, logout tokens and tokens bound to a key of the client's, and the same secret may sign
/// Better Auth's cookie cache; none of these is a person who asks.
fn check_kind(claims: &Claims) -> Result<(), Fault> {
    let cached = claims.contains_key("session") && claims.contains_key("user");
    if cached || ["client_id", "events", "cnf"].iter().any(|claim| claims.contains_key(*claim)) {
        return refused("the token is of another kind than a first-party JWT");
    }
    Ok(())
}

/// RFC 8725 section 3.8: one issuer, byte for byte. A shared secret may stand without one.
fn check_issuer(via: Via, claims: &Claims, accepted: &[String]) -> Result<(), Fault> {
    match claims.get("iss") {
        None | Some(Value::String(_)) if accepted.is_empty() && via == Via::SharedSecret => Ok(()),
        Some(Value::String(issuer)) if accepted.contains(issuer) => Ok(()),
        _ => refused("the token's issuer is not an accepted one"),
    }
}

/// RFC 7519 section 4.1.3 and RFC 8725 section 3.9: one of ours among the audiences. A shared secret
/// may stand without one; a token that names an audience is then not meant for us.
fn check_audience(via: Via, claims: &Claims, accepted: &[String]) -> Result<(), Fault> {
    let ours =
        |audience: &Value| audience.as_str().is_some_and(|name| accepted.iter().any(|a| a == name));
    match claims.get("aud") {
        None if accepted.is_empty() && via == Via::SharedSecret => Ok(()),
        Some(audience @ Value::String(_)) if ours(audience) => Ok(()),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) && list.iter().any(ours) => {
            Ok(())
        }
        _ => refused("the token is meant for another audience"),
    }
}
