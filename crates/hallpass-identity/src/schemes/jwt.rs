//! JWT verification (RFC 7519), by the rules of RFC 8725.
//!
//! The library verifies the signature; every claim is checked here, because the library accepts tokens
//! without `iss` or `aud`. One key signs five kinds of token at a Better Auth server, distinguished only
//! by `typ`, `iss` and `aud`: the kind is determined first, and each has its own rules.

use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_types::now;
use jsonwebtoken::{Algorithm, DecodingKey};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::oauth_client::{OAuthClient, TWO_CLIENTS, names_two_clients};
use super::verdict_cache::{Accepted, VerifiedWith};
use crate::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::claims::{Claims, numeric_date, public_subject, string_claim, subject_claim};
use crate::config::{IdentityConfig, JwtSubject};
use crate::error::{AuthError, Check, TOKEN_EXPIRED, rejected};
use crate::jose::jwk::{ALGORITHMS, VerifyingKey, verify_signature};
use crate::jose::jws::{Typ, UnverifiedJws};
use crate::jwks::JwksCache;

/// Verifies signed tokens.
pub(crate) struct JwtVerifier {
    rules: IdentityConfig,
    keys: KeyProvider,
    secrets: Vec<DecodingKey>,
}

/// The key sets: the auth server's, and the OpenID provider's. Usually they are one.
#[derive(Clone)]
pub(crate) struct KeyProvider {
    pub(crate) first_party: Option<JwksCache>,
    pub(crate) provider: Option<JwksCache>,
}

impl KeyProvider {
    fn of(&self, kind: TokenKind) -> Option<&JwksCache> {
        if kind.is_provider_issuer() { self.provider.as_ref() } else { self.first_party.as_ref() }
    }

    /// Whether the key that verified a credential is still in its set.
    pub(crate) fn still_holds(&self, key: &VerifiedWith) -> bool {
        let set = if key.of_provider { &self.provider } else { &self.first_party };
        set.as_ref().is_some_and(|set| set.contains(&key.id, &key.thumbprint))
    }
}

/// The kinds of signed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Issued by Better Auth's jwt plugin.
    FirstParty,
    /// Signed by the application, with a shared secret.
    SharedSecret,
    /// OAuth access token (RFC 9068).
    Access,
    /// OpenID Connect id token (Core section 2).
    Id,
}

impl TokenKind {
    fn auth_method(self) -> AuthMethod {
        match self {
            Self::FirstParty => AuthMethod::Jwt,
            Self::SharedSecret => AuthMethod::SharedSecret,
            Self::Access => AuthMethod::AccessToken,
            Self::Id => AuthMethod::IdToken,
        }
    }

    fn is_provider_issuer(self) -> bool {
        matches!(self, Self::Access | Self::Id)
    }
}

impl JwtVerifier {
    pub(crate) fn new(rules: IdentityConfig, keys: KeyProvider) -> Self {
        let secrets = rules
            .jwt_secrets
            .iter()
            .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()))
            .collect();
        Self { rules, keys, secrets }
    }

    /// The settings.
    pub(crate) fn rules(&self) -> &IdentityConfig {
        &self.rules
    }

    /// Which claim holds which property.
    pub(crate) fn mapping(&self) -> ClaimMapping<'_> {
        let IdentityConfig { claims: names, tiers, user_fields, .. } = &self.rules;
        ClaimMapping { names, tiers, user_fields }
    }

    pub(crate) async fn verify(&self, token: &SecretString) -> Result<Accepted, AuthError> {
        let token = UnverifiedJws::read(token.expose_secret())?;
        let kind = self.kind(&token)?;
        let key = match kind {
            TokenKind::SharedSecret => {
                self.check_secret(&token)?;
                None
            }
            TokenKind::FirstParty | TokenKind::Access | TokenKind::Id => {
                let key = check_key(self.keys.of(kind), &token).await?;
                let of_provider = kind.is_provider_issuer();
                let (id, thumbprint) = (token.key_id()?.to_owned(), key.thumbprint);
                Some(Arc::new(VerifiedWith { id, thumbprint, of_provider }))
            }
        };
        let caller = Arc::new(self.caller(kind, token.claims())?);
        Ok(Accepted { caller, key })
    }

    /// The kind that the token claims to be. Nothing is trusted yet: the kind selects the rules.
    pub(crate) fn kind(&self, token: &UnverifiedJws<'_>) -> Result<TokenKind, AuthError> {
        let rules = &self.rules;
        let claims = token.claims();
        let kind = match token.typ() {
            Typ::AccessToken if rules.oauth_resources.is_empty() => {
                return rejected(Check::Kind, "OAuth access tokens are not accepted here");
            }
            Typ::AccessToken => TokenKind::Access,
            Typ::Jwt if token.algorithm()? == "HS256" => TokenKind::SharedSecret,
            Typ::Jwt if is_id_token(claims) || self.audience_matches_client(claims) => {
                if rules.client_ids.is_empty() {
                    return rejected(Check::Kind, "OpenID Connect id tokens are not accepted here");
                }
                TokenKind::Id
            }
            Typ::Jwt => TokenKind::FirstParty,
            Typ::SessionCache | Typ::Other => {
                return rejected(Check::Kind, "tokens of this type do not authenticate a caller");
            }
        };
        check_kind(kind, claims)?;
        Ok(kind)
    }

    /// Whether the audience is a client of the OpenID provider, as in an id token.
    fn audience_matches_client(&self, claims: &Claims) -> bool {
        names_one_of(claims.get("aud"), &self.rules.client_ids)
    }

    fn check_secret(&self, token: &UnverifiedJws<'_>) -> Result<(), AuthError> {
        if self.secrets.is_empty() {
            return rejected(Check::Kind, "no shared secret is configured for HS256 tokens");
        }
        if self.secrets.iter().any(|secret| verify_signature(token, secret, Algorithm::HS256)) {
            return Ok(());
        }
        rejected(Check::Signature, "the signature does not match the shared secret")
    }

    fn caller(&self, kind: TokenKind, claims: &Claims) -> Result<Caller, AuthError> {
        let proof = self.check_times(kind, claims)?;
        self.check_issuer(kind, claims)?;
        self.check_audience(kind, claims)?;
        let has_id = || string_claim(claims, "id").is_some();
        let id = match (kind, claims.get("sub")) {
            // Applications that sign tokens sometimes name the user `id`; never the e-mail address,
            // which Better Auth's mail links carry with the same algorithm.
            (TokenKind::SharedSecret, None) => subject_claim(claims.get("id"))?,
            // The jwt plugin's `getSubject` may return something other than the user's id, which is still
            // in `id`: sessions and API keys use that.
            (TokenKind::FirstParty, sub)
                if self.rules.jwt_subject == JwtSubject::Id && has_id() =>
            {
                // RFC 7519 section 4.1.2: the subject is required all the same.
                subject_claim(sub)?;
                subject_claim(claims.get("id"))?
            }
            (TokenKind::Id, sub) => public_subject(sub)?,
            (_, sub) => subject_claim(sub)?,
        };
        match kind {
            TokenKind::Access => {
                let client = OAuthClient::named_by(claims, &self.rules.full_clients);
                // RFC 9068 section 2.2: with client credentials, the client is its own subject.
                let caller = match claims.get("client_id") == claims.get("sub") {
                    true => Caller::service(id, proof, &self.mapping()),
                    false => Caller::from_claims(id, proof, claims, &self.mapping())?,
                };
                Ok(caller.by_client(client))
            }
            TokenKind::FirstParty | TokenKind::SharedSecret | TokenKind::Id => {
                Caller::from_claims(id, proof, claims, &self.mapping())
            }
        }
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6. `exp` is required; a token from the future is not valid yet. A token
    /// without `iat` is treated as issued long ago.
    fn check_times(&self, kind: TokenKind, claims: &Claims) -> Result<CredentialProof, AuthError> {
        let present = now();
        let leeway = TimeDelta::from_std(self.rules.leeway).unwrap_or_default();
        let Some(expires_at) = numeric_date(claims, "exp")? else {
            return rejected(Check::Times, "the token has no expiry");
        };
        if expires_at + leeway <= present {
            return rejected(Check::Times, TOKEN_EXPIRED);
        }
        let starts_at = numeric_date(claims, "nbf")?;
        if starts_at.is_some_and(|start| start - leeway > present) {
            return rejected(Check::Times, "the token is not valid yet");
        }
        let issued_at = numeric_date(claims, "iat")?;
        if issued_at.is_some_and(|issued| issued - leeway > present) {
            return rejected(Check::Times, "the token was issued in the future: check the clocks");
        }
        if issued_at.is_none() && kind.is_provider_issuer() {
            return rejected(Check::Times, "the token does not state when it was issued");
        }
        let starts_at = starts_at.max(issued_at).map(|start| start - leeway);
        Ok(CredentialProof {
            via: kind.auth_method(),
            confirmed_at: issued_at.unwrap_or_default(),
            was_validated: false,
            starts_at: starts_at.unwrap_or_default(),
            expires_at,
        })
    }

    /// RFC 8725 section 3.8: one issuer, byte for byte. A shared secret has one signer, which need not
    /// be named: its issuer is required if one is configured.
    fn check_issuer(&self, kind: TokenKind, claims: &Claims) -> Result<(), AuthError> {
        let rules = &self.rules;
        let named = |accepted: &[String], issuer: &str| accepted.iter().any(|it| it == issuer);
        let is_accepted = match (kind, claims.get("iss")) {
            (TokenKind::SharedSecret, None) => rules.jwt_secret_issuers.is_empty(),
            (TokenKind::SharedSecret, Some(Value::String(issuer))) => {
                rules.jwt_secret_issuers.is_empty() || named(&rules.jwt_secret_issuers, issuer)
            }
            (TokenKind::Access | TokenKind::Id, Some(Value::String(issuer))) => {
                rules.oidc_issuer.as_ref() == Some(issuer)
            }
            (TokenKind::FirstParty, Some(Value::String(issuer))) => named(&rules.issuers, issuer),
            _ => false,
        };
        if is_accepted {
            return Ok(());
        }
        rejected(Check::Issuer, "the token's issuer is not an accepted one")
    }

    /// RFC 7519 section 4.1.3 and RFC 8725 section 3.9: an accepted audience is required. A token signed with
    /// the shared secret needs none unless one is configured; if it has one, it must be that of first-party JWTs.
    fn check_audience(&self, kind: TokenKind, claims: &Claims) -> Result<(), AuthError> {
        let audience = claims.get("aud");
        let rules = &self.rules;
        let is_accepted = match kind {
            TokenKind::SharedSecret if self.is_of_another_client(claims) => false,
            TokenKind::SharedSecret if rules.jwt_secret_audiences.is_empty() => {
                audience.is_none() || names_one_of(audience, &rules.audiences)
            }
            TokenKind::SharedSecret => names_one_of(audience, &rules.jwt_secret_audiences),
            TokenKind::FirstParty => names_one_of(audience, &rules.audiences),
            TokenKind::Access => names_one_of(audience, &rules.oauth_resources),
            TokenKind::Id => {
                names_one_of(audience, &rules.client_ids)
                    && self.is_authorized_party(claims, audience)
            }
        };
        if is_accepted {
            return Ok(());
        }
        rejected(Check::Audience, "the token is meant for another audience")
    }

    /// Whether the token names the client that it was issued to, and that is not a client of this application.
    fn is_of_another_client(&self, claims: &Claims) -> bool {
        let party = claims.get("azp");
        !self.rules.client_ids.is_empty() && party.is_some_and(|party| !self.is_own_client(party))
    }

    fn is_own_client(&self, party: &Value) -> bool {
        party.is_string() && names_one_of(Some(party), &self.rules.client_ids)
    }

    /// OpenID Connect Core section 3.1.3.7, steps 4 and 5: an id token with several audiences names the client
    /// it was issued to in `azp`, and `azp` is an accepted client.
    fn is_authorized_party(&self, claims: &Claims, audience: Option<&Value>) -> bool {
        match claims.get("azp") {
            Some(party) => self.is_own_client(party),
            None => audience.and_then(Value::as_array).is_none_or(|list| list.len() == 1),
        }
    }
}

/// RFC 8725 section 3.1: the key determines the algorithm. When the signature does not match, the key may
/// have been replaced under the same id: the set is fetched again, if the cool-down allows.
pub(crate) async fn check_key(
    keys: Option<&JwksCache>,
    token: &UnverifiedJws<'_>,
) -> Result<Arc<VerifyingKey>, AuthError> {
    let Some(keys) = keys else {
        return rejected(Check::Kind, "no key set is configured for signed tokens");
    };
    let stated = token.algorithm()?;
    if !ALGORITHMS.contains(&stated) {
        return rejected(Check::Algorithm, "the token's algorithm is not accepted");
    }
    let key_id = token.key_id()?;
    let key = keys.key(token).await?;
    if key.algorithm == stated && key.verify(token) {
        return Ok(key);
    }
    match keys.refetch_for(key_id, &key).await {
        Some(other) if other.algorithm == stated && other.verify(token) => Ok(other),
        _ if key.algorithm != stated => {
            rejected(Check::Algorithm, "the token's algorithm is not its key's")
        }
        _ => rejected(Check::Signature, "the signature does not match the key"),
    }
}

/// Whether the claims include one that only id tokens have (OpenID Connect Core sections 2 and 3.1.3.6).
pub(crate) fn is_id_token(claims: &Claims) -> bool {
    ["nonce", "at_hash", "auth_time", "azp"].iter().any(|claim| claims.contains_key(*claim))
}

/// RFC 8725 section 3.12: one kind of token is never accepted as another. The same keys sign logout
/// tokens and tokens bound to a key of the client (RFC 9449), and the same secret may sign Better
/// Auth's cookie cache; none of these authenticates a caller.
fn check_kind(kind: TokenKind, claims: &Claims) -> Result<(), AuthError> {
    let has = |claim: &&str| claims.contains_key(*claim);
    if has(&"session") && has(&"user") || ["events", "cnf"].iter().any(has) {
        return rejected(Check::Kind, "tokens of this kind do not authenticate a caller");
    }
    match kind {
        TokenKind::Access if string_claim(claims, "client_id").is_none() => {
            rejected(Check::Kind, "the access token does not name its client")
        }
        TokenKind::Access if names_two_clients(claims) => rejected(Check::Kind, TWO_CLIENTS),
        TokenKind::FirstParty | TokenKind::SharedSecret | TokenKind::Id if has(&"client_id") => {
            rejected(Check::Kind, "the token is an access token without the type at+jwt")
        }
        _ => Ok(()),
    }
}

/// Whether `audience`, a string or an array of strings, names one of `accepted`.
pub(crate) fn names_one_of(audience: Option<&Value>, accepted: &[String]) -> bool {
    let matches =
        |audience: &Value| audience.as_str().is_some_and(|name| accepted.iter().any(|a| a == name));
    match audience {
        Some(audience @ Value::String(_)) => matches(audience),
        Some(Value::Array(list)) => list.iter().all(Value::is_string) && list.iter().any(matches),
        _ => false,
    }
}
