//! Sessions, validated at the auth server's `get-session`.
//!
//! A session answer is believed for `SESSION_CACHE_TTL` at most and never past its own expiry, a
//! refusal briefly, an outage never. Concurrent checks of one session are one request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use hallpass_entity::now;
use moka::Expiry;
use moka::future::Cache;
use reqwest::Url;
use secrecy::zeroize::Zeroize as _;
use serde_json::Value;

use super::caller::{Caller, Reading, Via, moment, subject};
use super::credentials::Credential;
use super::upstream::{Answer, NoAnswer, Upstream};
use super::{Fault, Refusal, refused};
use crate::config::{AuthServer, ClaimNames, IdentityConfig, Tiers};

/// How many sessions are remembered.
const REMEMBERED: u64 = 100_000;
/// How long a refusal is remembered at most: a session made a moment later must work soon.
const REFUSAL_TTL: Duration = Duration::from_secs(5);

/// Asks about sessions and remembers the answers.
pub(super) struct Sessions {
    url: Url,
    upstream: Upstream,
    names: ClaimNames,
    tiers: Tiers,
    answers: Cache<[u8; 32], Verdict>,
}

#[derive(Clone)]
enum Verdict {
    Live(Arc<Caller>),
    Refused(Refusal),
}

struct Lifetime {
    live: Duration,
}

impl Expiry<[u8; 32], Verdict> for Lifetime {
    fn expire_after_create(&self, _: &[u8; 32], verdict: &Verdict, _: Instant) -> Option<Duration> {
        Some(match verdict {
            Verdict::Live(caller) => self.live.min(caller.remaining()),
            Verdict::Refused(_) => self.live.min(REFUSAL_TTL),
        })
    }
}

impl Sessions {
    pub(super) fn new(server: &AuthServer, upstream: Upstream, config: &IdentityConfig) -> Self {
        // `disableCookieCache`: what the database says, not a cookie. `disableRefresh`: asking must
        // not extend a session whose browser would not learn of it.
        let query = "disableCookieCache=true&disableRefresh=true";
        let url = Url::parse(&format!("{}/get-session?{query}", server.base))
            .expect("the base is an origin and a path, both checked with the settings");
        Self {
            url,
            upstream,
            names: config.claims.clone(),
            tiers: config.tiers.clone(),
            answers: Cache::builder()
                .max_capacity(REMEMBERED)
                .expire_after(Lifetime { live: config.session_ttl })
                .build(),
        }
    }

    /// The caller whose session `credential` is.
    pub(super) async fn validate(
        &self,
        credential: &Credential,
        address: IpAddr,
    ) -> Result<Arc<Caller>, Fault> {
        let Some((header, value)) = credential.forwarded() else {
            return refused("the credential is no session");
        };
        let via = match header {
            "cookie" => Via::SessionCookie,
            _ => Via::SessionToken,
        };
        let key = cache_key(header, &value);
        let asked = self
            .answers
            .try_get_with(key, async {
                match self.ask(header, value, via, address).await {
                    Ok(caller) => Ok(Verdict::Live(Arc::new(caller))),
                    Err(Fault::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
                    Err(Fault::Unavailable) => Err(Fault::Unavailable),
                }
            })
            .await;
        match asked {
            Ok(Verdict::Live(caller)) => Ok(caller),
            Ok(Verdict::Refused(refusal)) => Err(refusal.into()),
            Err(fault) => Err(*fault),
        }
    }

    async fn ask(
        &self,
        header: &'static str,
        value: HeaderValue,
        via: Via,
        address: IpAddr,
    ) -> Result<Caller, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(header, value);
        // One value: Better Auth counts requests by this address, and by none if there are two.
        if let Ok(address) = HeaderValue::try_from(address.to_string()) {
            headers.insert("x-forwarded-for", address);
        }
        match self.upstream.get(self.url.clone(), headers).await {
            Ok(answer) => self.read(&answer, via),
            Err(NoAnswer(reason)) => {
                tracing::warn!(reason, "the auth server did not answer about a session");
                Err(Fault::Unavailable)
            }
        }
    }

    /// 200 with `null`, or without a whole session, is "not signed in"; anything but 200, 401 and 403
    /// is "cannot tell".
    fn read(&self, answer: &Answer, via: Via) -> Result<Caller, Fault> {
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return refused("the auth server refused the session");
            }
            status => {
                tracing::warn!(%status, "the auth server could not tell about a session");
                return Err(Fault::Unavailable);
            }
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            tracing::warn!("the auth server's answer about a session is not JSON");
            return Err(Fault::Unavailable);
        };
        self.caller(&body, via)
    }

    fn caller(&self, body: &Value, via: Via) -> Result<Caller, Fault> {
        let object = |name: &str| body.get(name).and_then(Value::as_object);
        let (Some(user), Some(session)) = (object("user"), object("session")) else {
            return refused("the auth server knows no such session");
        };
        let id = subject(user.get("id"))?;
        if session.get("userId") != user.get("id") {
            return refused("the session and its user do not belong together");
        }
        let Some(expires_at) = session.get("expiresAt").and_then(moment) else {
            return refused("the session has no expiry");
        };
        if expires_at <= now() {
            return refused("the session has expired");
        }
        let reading = Reading { names: &self.names, tiers: &self.tiers };
        Caller::from_session(id, via, user, session, expires_at, &reading)
    }
}

/// SHA-256 over the kind and the whole credential: two that differ anywhere share nothing, and the
/// cache holds no credential.
fn cache_key(header: &str, value: &HeaderValue) -> [u8; 32] {
    let mut text = Vec::with_capacity(header.len() + 1 + value.len());
    text.extend_from_slice(header.as_bytes());
    text.push(0);
    text.extend_from_slice(value.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
    text.zeroize();
    key
}
