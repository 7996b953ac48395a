//! Better Auth's cookie cache: a signed copy of the session, some minutes old, in a cookie beside the
//! session token. Trusted only with `COOKIE_CACHE=trust`, because it is stale by design.
//!
//! An invalid cookie cache is not an error: as at the auth server, the session token is then validated.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use hallpass_types::{Timestamp, now};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::jwt::check_key;
use super::session;
use super::verdict_cache::{Accepted, VerifiedWith};
use crate::caller::{AuthMethod, ClaimMapping};
use crate::claims::{Claims, numeric_date, timestamp_claim};
use crate::jose::better_auth_secret::SecretKeyring;
use crate::jose::jws::{Typ, UnverifiedJws};
use crate::jwks::JwksCache;
use crate::strict_json::StrictJson;

/// The audience of the format that is signed with the key set.
const AUDIENCE: &str = "better-auth:session-cache";

/// The content of the cookie, in any format.
struct CachePayload {
    claims: Claims,
    expires_at: Timestamp,
    /// The key of the key set that signed it, if any.
    key: Option<Arc<VerifiedWith>>,
}

/// The compact format: the bytes of `session` are signed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompactFormat<'a> {
    #[serde(borrow)]
    session: &'a RawValue,
    expires_at: i64,
    signature: String,
}

/// Why a cookie cache is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheFlaw {
    /// There is none beside the session cookie.
    Absent,
    /// Its name has no `__Secure-` prefix, and the auth server uses https.
    Insecure,
    /// It has none of the four formats, or its signature does not match.
    Signature,
    /// It has this version, and a different one is configured.
    Version(Option<String>),
    /// It has expired.
    Expired,
    /// It belongs to a different session than the session cookie beside it.
    OtherSession,
    /// It does not describe a user that is accepted.
    Content,
}

/// Verifies cookie caches.
pub(crate) struct CookieCache<'a> {
    pub(crate) secrets: &'a SecretKeyring,
    pub(crate) keys: Option<&'a JwksCache>,
    pub(crate) issuers: &'a [String],
    /// The required version; none for any.
    pub(crate) version: Option<&'a str>,
    pub(crate) mapping: ClaimMapping<'a>,
}

impl CookieCache<'_> {
    /// The caller that `data` describes, if it is valid and belongs to `session_token`.
    ///
    /// # Errors
    /// Why it is not trusted.
    pub(crate) async fn caller(
        &self,
        data: &str,
        session_token: &str,
    ) -> Result<Accepted, CacheFlaw> {
        let content = match data.bytes().filter(|byte| *byte == b'.').count() {
            0 => self.compact(data),
            2 => self.signed(data, session_token).await,
            4 => self.encrypted(data),
            _ => None,
        };
        let CachePayload { claims, expires_at, key } = content.ok_or(CacheFlaw::Signature)?;
        let version = claims.get("version").and_then(Value::as_str);
        if self.version.is_some() && self.version != version {
            return Err(CacheFlaw::Version(version.map(str::to_owned)));
        }
        if expires_at <= now() {
            return Err(CacheFlaw::Expired);
        }
        let object = |name: &str| claims.get(name).and_then(Value::as_object);
        let (Some(user), Some(session)) = (object("user"), object("session")) else {
            return Err(CacheFlaw::Content);
        };
        if session.get("token").and_then(Value::as_str) != Some(session_token) {
            return Err(CacheFlaw::OtherSession);
        }
        let confirmed_at =
            claims.get("updatedAt").and_then(timestamp_claim).ok_or(CacheFlaw::Content)?;
        let via = AuthMethod::CookieCache;
        let caller = session::caller(user, session, via, confirmed_at, false, &self.mapping);
        let caller = caller.map_err(|_| CacheFlaw::Content)?;
        Ok(Accepted { caller: Arc::new(caller.expiring_at(expires_at)), key })
    }

    /// base64url of `{"session":{…},"expiresAt":…,"signature":"…"}`. The signed message is the raw JSON of
    /// the session with `expiresAt` appended: key order and escapes matter.
    fn compact(&self, data: &str) -> Option<CachePayload> {
        let text = URL_SAFE_NO_PAD.decode(data).ok()?;
        let compact: CompactFormat<'_> = serde_json::from_slice(&text).ok()?;
        let open = compact.session.get().strip_suffix('}')?;
        let message = format!("{open},\"expiresAt\":{}}}", compact.expires_at);
        let signature = URL_SAFE_NO_PAD.decode(compact.signature).ok()?;
        if !self.secrets.authenticate(message.as_bytes(), &signature) {
            return None;
        }
        let claims = StrictJson::object(compact.session.get().as_bytes())?;
        let expires_at = DateTime::from_timestamp_millis(compact.expires_at)?;
        Some(CachePayload { claims, expires_at, key: None })
    }

    /// A JWS: HS256 with the auth server's secret, or signed with the key set.
    async fn signed(&self, data: &str, session_token: &str) -> Option<CachePayload> {
        let token = UnverifiedJws::read(data).ok()?;
        let key = match token.typ() {
            Typ::Jwt if token.algorithm().ok()? == "HS256" => {
                self.secrets.verify_hs256(&token).then_some(None)?
            }
            Typ::SessionCache if self.audience_matches(token.claims(), session_token) => {
                let thumbprint = check_key(self.keys, &token).await.ok()?.thumbprint;
                let id = token.key_id().ok()?.to_owned();
                Some(Arc::new(VerifiedWith { id, thumbprint, of_provider: false }))
            }
            Typ::Jwt | Typ::SessionCache | Typ::AccessToken | Typ::Other => return None,
        };
        let claims = token.claims().clone();
        Some(CachePayload { expires_at: numeric_date(&claims, "exp").ok()??, claims, key })
    }

    /// Whether a cache signed with the key set is meant for this use and this session.
    fn audience_matches(&self, claims: &Claims, session_token: &str) -> bool {
        let claim_text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let user = claims.get("user").and_then(|user| user.get("id")).and_then(Value::as_str);
        let issuer_is_accepted =
            claim_text("iss").is_some_and(|iss| self.issuers.iter().any(|it| it == iss));
        issuer_is_accepted
            && claim_text("aud") == Some(AUDIENCE)
            && claim_text("sid") == Some(session_token)
            && claim_text("sub").is_some()
            && claim_text("sub") == user
    }

    fn encrypted(&self, data: &str) -> Option<CachePayload> {
        let claims = StrictJson::object(&self.secrets.decrypt_compact(data)?)?;
        Some(CachePayload { expires_at: numeric_date(&claims, "exp").ok()??, claims, key: None })
    }
}
