//! Better Auth's cookie cache: the session as it was some minutes ago, in a cookie beside the session
//! token. Believed only where `COOKIE_CACHE=trust` says so, because it is stale by design.
//!
//! A cookie that is not good is no refusal: as at the auth server, the session token beside it is then
//! asked about.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use hallpass_entity::{Timestamp, now};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::jwt::check_key;
use super::session;
use super::verdict_cache::{Accepted, VerifiedWith};
use crate::identity::caller::{AuthMethod, ClaimMapping};
use crate::identity::claims::{Claims, StrictJson, numeric_date, timestamp_claim};
use crate::identity::jose::better_auth_secret::SecretKeyring;
use crate::identity::jose::jws::{Typ, UnverifiedJws};
use crate::identity::jwks::JwksCache;

/// The audience of the form that is signed with the key set.
const AUDIENCE: &str = "better-auth:session-cache";

/// What the cookie holds, whatever its form.
struct CachePayload {
    claims: Claims,
    expires_at: Timestamp,
    /// The key of the key set that signed it, where one did.
    key: Option<Arc<VerifiedWith>>,
}

/// The compact form, in which the bytes of `session` are what is signed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompactFormat<'a> {
    #[serde(borrow)]
    session: &'a RawValue,
    expires_at: i64,
    signature: String,
}

/// Why a cookie cache is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheFlaw {
    /// There is none beside the session cookie.
    Absent,
    /// Its name has no `__Secure-`, and the auth server is at https.
    Insecure,
    /// It has none of the four forms, or its signature does not fit.
    Signature,
    /// It has this version, and another one is set.
    Version(Option<String>),
    /// It has expired.
    Expired,
    /// It belongs to another session than the session cookie beside it.
    OtherSession,
    /// It describes no user who is let in.
    Content,
}

/// Reads the cookie.
pub(crate) struct CookieCache<'a> {
    pub(crate) secrets: &'a SecretKeyring,
    pub(crate) keys: Option<&'a JwksCache>,
    pub(crate) issuers: &'a [String],
    /// The version that it must have; none for any.
    pub(crate) version: Option<&'a str>,
    pub(crate) reading: ClaimMapping<'a>,
}

impl CookieCache<'_> {
    /// The caller whom `data` describes, if it is good and belongs to `session_token`.
    ///
    /// # Errors
    /// Why it is not believed.
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
        let caller = session::caller(user, session, via, confirmed_at, false, &self.reading);
        let caller = caller.map_err(|_| CacheFlaw::Content)?;
        Ok(Accepted { caller: Arc::new(caller.expiring_at(expires_at)), key })
    }

    /// base64url of `{"session":{…},"expiresAt":…,"signature":"…"}`. Signed is the session's own text
    /// with `expiresAt` added to it: key order and escapes count.
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

    /// A JWS: by HS256 with the auth server's secret, or with the key set.
    async fn signed(&self, data: &str, session_token: &str) -> Option<CachePayload> {
        let token = UnverifiedJws::read(data).ok()?;
        let key = match token.typ() {
            Typ::Jwt if token.algorithm().ok()? == "HS256" => {
                self.secrets.verify_hs256(&token).then_some(None)?
            }
            Typ::SessionCache if self.audience_is_ours(token.claims(), session_token) => {
                let thumbprint = check_key(self.keys, &token).await.ok()?.thumbprint;
                let id = token.key_id().ok()?.to_owned();
                Some(Arc::new(VerifiedWith { id, thumbprint, of_provider: false }))
            }
            Typ::Jwt | Typ::SessionCache | Typ::AccessToken | Typ::Other => return None,
        };
        let claims = token.claims().clone();
        Some(CachePayload { expires_at: numeric_date(&claims, "exp").ok()??, claims, key })
    }

    /// Whether the form that is signed with the key set is meant for this, and for this session.
    fn audience_is_ours(&self, claims: &Claims, session_token: &str) -> bool {
        let said = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let user = claims.get("user").and_then(|user| user.get("id")).and_then(Value::as_str);
        let issued_here = said("iss").is_some_and(|iss| self.issuers.iter().any(|it| it == iss));
        issued_here
            && said("aud") == Some(AUDIENCE)
            && said("sid") == Some(session_token)
            && said("sub").is_some()
            && said("sub") == user
    }

    fn encrypted(&self, data: &str) -> Option<CachePayload> {
        let claims = StrictJson::object(&self.secrets.decrypt_compact(data)?)?;
        Some(CachePayload { expires_at: numeric_date(&claims, "exp").ok()??, claims, key: None })
    }
}
