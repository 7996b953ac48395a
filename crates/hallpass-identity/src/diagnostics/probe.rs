//! Probes the configuration of the auth server from outside, with dummy credentials that were never
//! issued. The caller interprets the responses.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, DATE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use chrono::{DateTime, TimeDelta};
use hallpass_types::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::inspect::{Inspection, decode_parts};
use crate::auth_server::client::{
    AuthServerClient, Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse,
};
use crate::auth_server::user_lookup;
use crate::claims::timestamp_claim;
use crate::config::IdentityConfig;
use crate::credential::cookies::mark_sensitive;
use crate::error::AuthError;
use crate::jose::better_auth_secret::SecretKeyring;
use crate::jose::jwk;
use crate::metrics::{IdentityMetrics, Purpose};
use crate::schemes::api_key::ApiKeys;
use crate::schemes::introspection::OpaqueTokens;
use crate::schemes::session::GET_SESSION;

/// … and bursts these two: enough to reveal a rate limit, and whether both share it.
pub const TWO_PROBE_ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];

/// Bytes to escape in a cookie's value: a superset of those that RFC 6265 forbids.
const IN_COOKIE: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;

/// The jwt plugin's endpoint that issues a JWT for a session; the request must not extend the session.
const TOKEN: &str = "/token?disableCookieCache=true&disableRefresh=true";

/// The names of Better Auth's other cookies, after the prefix.
const OTHER_COOKIES: [&str; 4] = ["session_data", "dont_remember", "account_data", "oauth_state"];

/// Sends diagnostic requests to the auth server.
pub struct AuthServerProbe {
    config: IdentityConfig,
    secrets: SecretKeyring,
    upstream: AuthServerClient,
    endpoint: Endpoint,
}

/// The relevant parts of a response. It contains no credential.
#[derive(Clone, Debug)]
pub struct ProbeResponse {
    /// The status.
    pub status: StatusCode,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// Whether it is a web page.
    pub is_page: bool,
    /// The target of a redirect.
    pub location: Option<String>,
    /// How far the auth server's clock is ahead of this server's, at least; negative when it is behind.
    pub clock: Option<TimeDelta>,
    /// The names of the cookies that it sets or deletes.
    pub cookies: Vec<String>,
}

/// A response, or why there is none.
pub type ProbeResult = Result<ProbeResponse, &'static str>;

/// How the auth server treats a session that does not exist.
#[derive(Clone, Debug, Default)]
pub struct DummySession {
    /// The name of its session cookie, seen when it deletes the cookie of an unknown session. Only a server
    /// with the bearer plugin reveals it.
    pub cookie: Option<String>,
    /// Whether it accepts a signature with BETTER_AUTH_SECRET; none when that cannot be determined.
    pub secret_fits: Option<bool>,
    /// Whether its bearer plugin accepts signed session tokens only (`requireSignature`).
    pub requires_signature: bool,
}

/// The response of `get-session` to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAnswer {
    /// `null`: no session.
    Nothing,
    /// A session and its user.
    Session,
    /// An object without a session or a user, or with required members of them missing.
    OtherShape,
    /// There was no conclusive response.
    Unknown,
}

/// One entry of a key set.
#[derive(Clone, Debug)]
pub struct KeyEntry {
    /// Its id.
    pub id: Option<String>,
    /// Why it is not used, if it is not.
    pub flaw: Option<&'static str>,
}

impl AuthServerProbe {
    /// A probe of the auth server of `config`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(config: &IdentityConfig) -> Result<Self, reqwest::Error> {
        let upstream = AuthServerClient::new(config.timeout, None, IdentityMetrics::default())?;
        let endpoint = upstream.endpoint(Purpose::Sessions);
        let secrets = SecretKeyring::new(&config.auth_secrets);
        Ok(Self { config: config.clone(), secrets, upstream, endpoint })
    }

    /// Requests `address`.
    pub async fn get(&self, address: &str) -> ProbeResult {
        self.request(address, HeaderMap::new()).await
    }

    /// Requests `get-session` without a session, from `address`.
    pub async fn probe_anonymous_session(&self, address: IpAddr) -> ProbeResult {
        self.session(HeaderMap::new(), address).await
    }

    /// Requests `get-session` with a session that does not exist: the auth server deletes the cookie if it is
    /// signed with its secret, and ignores any other.
    pub async fn dummy_session(&self, address: IpAddr) -> DummySession {
        let token = dummy_text();
        let bearer = header(&AUTHORIZATION, &format!("Bearer {token}"));
        let named = |reply| session_cookie(reply, &self.config.session_cookie);
        let cookie = self.session(bearer, address).await.ok().and_then(named);
        let mut secret_fits = None;
        for signed in self.secrets.sign_session_token(&token) {
            match self.knows_signature(&signed, cookie.as_deref(), address).await {
                Some(true) => {
                    let by_signature = match cookie {
                        Some(_) => None,
                        None => self.cookie_of_signed_bearer(&signed, address).await,
                    };
                    let requires_signature = by_signature.is_some();
                    let cookie = cookie.or(by_signature);
                    return DummySession { cookie, secret_fits: Some(true), requires_signature };
                }
                // Without the cookie's name, the one sent may be wrong: then the result is inconclusive.
                answer => secret_fits = answer.filter(|_| cookie.is_some()),
            }
        }
        DummySession { cookie, secret_fits, requires_signature: false }
    }

    async fn cookie_of_signed_bearer(
        &self,
        signed: &SecretString,
        address: IpAddr,
    ) -> Option<String> {
        let bearer = header(&AUTHORIZATION, &format!("Bearer {}", signed.expose_secret()));
        let named = |reply| session_cookie(reply, &self.config.session_cookie);
        self.session(bearer, address).await.ok().and_then(named)
    }

    /// The response of `get-session` to a credential, from its database or, if `cached`, from a cookie
    /// cache that is sent with it.
    pub async fn shown_session(&self, inspection: &Inspection, cached: bool) -> SessionAnswer {
        let headers = inspection.headers(&self.config.api_key_header);
        let (Some(headers), Some(server)) = (headers, &self.config.auth_server) else {
            return SessionAnswer::Unknown;
        };
        let path = if cached { "/get-session?disableRefresh=true" } else { GET_SESSION };
        let Ok(reply) = self.request(&format!("{}{path}", server.base), headers).await else {
            return SessionAnswer::Unknown;
        };
        match (reply.status, reply.body) {
            (StatusCode::OK, Some(Value::Null)) => SessionAnswer::Nothing,
            (StatusCode::OK, Some(body)) if is_whole(&body) => SessionAnswer::Session,
            (StatusCode::OK, Some(Value::Object(_))) => SessionAnswer::OtherShape,
            _ => SessionAnswer::Unknown,
        }
    }

    /// The claims of the JWT that the jwt plugin issues for a session; none when it issues none. The signature
    /// is not verified.
    pub async fn jwt_of_session(&self, inspection: &Inspection) -> Option<Map<String, Value>> {
        let headers = inspection.headers(&self.config.api_key_header)?;
        let server = self.config.auth_server.as_ref()?;
        let reply = self.request(&format!("{}{TOKEN}", server.base), headers).await.ok()?;
        let body = reply.body.filter(|_| reply.status == StatusCode::OK)?;
        decode_parts(body.get("token")?.as_str()?).map(|(_, claims)| claims)
    }

    async fn knows_signature(
        &self,
        signed: &SecretString,
        name: Option<&str>,
        address: IpAddr,
    ) -> Option<bool> {
        let configured = &self.config.session_cookie;
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => ["", "__Secure-"].map(|it| format!("{it}{configured}")).to_vec(),
        };
        let value = percent_encoding::utf8_percent_encode(signed.expose_secret(), IN_COOKIE);
        let pairs: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
        let reply = self.session(header(&COOKIE, &pairs.join("; ")), address).await.ok()?;
        (reply.status == StatusCode::OK).then(|| session_cookie(reply, configured).is_some())
    }

    /// The response of API_KEY_VERIFY_URL to a key that does not exist; none when it is not set.
    pub async fn dummy_api_key(&self) -> Option<ProbeResult> {
        let keys = ApiKeys {
            url: self.config.api_key_url.clone()?,
            machine_key: self.config.machine_key.clone(),
            endpoint: self.upstream.endpoint(Purpose::ApiKeys),
        };
        let requested_at = now();
        Some(reply(keys.probe_with_unknown_key(&dummy_text().into()).await, requested_at))
    }

    /// The response of the user lookup endpoint to an unknown user; none when it is not set.
    pub async fn dummy_user(&self) -> Option<ProbeResult> {
        let lookup = self.config.user_lookup.as_ref()?;
        let endpoint = self.upstream.endpoint(Purpose::Users);
        let requested_at = now();
        Some(reply(
            user_lookup::request(&endpoint, &lookup.url, &lookup.key, &dummy_text()).await,
            requested_at,
        ))
    }

    /// The auth server's response to an opaque access token that does not exist; none when the settings
    /// accept none.
    pub async fn dummy_access_token(&self) -> Option<ProbeResult> {
        let endpoint = self.upstream.endpoint(Purpose::AccessTokens);
        let tokens = OpaqueTokens::new(&self.config, endpoint)?;
        let requested_at = now();
        let answer = tokens.probe_with_unknown_token(&dummy_text().into()).await;
        let answer = answer.map_err(|error| match error {
            AuthError::Rejected(rejection) => UpstreamError::new(rejection.reason),
            AuthError::Unavailable(_) => UpstreamError::new("there is no response"),
        });
        Some(reply(answer, requested_at))
    }

    async fn session(&self, mut headers: HeaderMap, address: IpAddr) -> ProbeResult {
        let base = self.config.auth_server.as_ref().map_or("", |server| &server.base);
        headers.extend(header(&"x-forwarded-for".parse().expect("a name"), &address.to_string()));
        self.request(&format!("{base}{GET_SESSION}"), headers).await
    }

    async fn request(&self, address: &str, headers: HeaderMap) -> ProbeResult {
        let url = Url::parse(address).map_err(|_| "it is not a web address")?;
        let requested_at = now();
        reply(self.endpoint.send(&UpstreamRequest::get(url, headers)).await, requested_at)
    }
}

/// The entries of a key set, usable or not; none when `document` is not a key set.
#[must_use]
pub fn key_entries(document: &Value) -> Option<Vec<KeyEntry>> {
    let entries = document.get("keys")?.as_array()?;
    let read = |entry: &Value| KeyEntry {
        id: entry.get("kid").and_then(Value::as_str).map(str::to_owned),
        flaw: jwk::unusable_reason(entry),
    };
    Some(entries.iter().map(read).collect())
}

/// 32 letters and digits, like Better Auth's own session tokens.
fn dummy_text() -> String {
    Uuid::now_v7().simple().to_string()
}

fn header(name: &axum::http::HeaderName, value: &str) -> HeaderMap {
    mark_sensitive(value).map(|value| (name.clone(), value)).into_iter().collect()
}

/// The session cookie that a response deletes: the configured one, or else one of Better Auth's.
fn session_cookie(reply: ProbeResponse, usual: &str) -> Option<String> {
    let is_ours = |name: &String| name.trim_start_matches("__Secure-") == usual;
    let is_usual = |name: &String| name.ends_with("session_token");
    let is_other = |name: &String| OTHER_COOKIES.iter().any(|other| name.contains(other));
    let named = |is: &dyn Fn(&String) -> bool| reply.cookies.iter().find(|it| is(it)).cloned();
    // With a custom name, it is the one that is deleted along with those.
    let own = || named(&is_other).and_then(|_| named(&|name| !is_other(name)));
    named(&is_ours).or_else(|| named(&is_usual)).or_else(own)
}

/// Whether a response of `get-session` identifies a user and the expiry of a session.
fn is_whole(body: &Value) -> bool {
    let (user, session) = (&body["user"], &body["session"]);
    user["id"].is_string()
        && session["userId"] == user["id"]
        && session.get("expiresAt").and_then(timestamp_claim).is_some()
}

fn reply(answer: Result<UpstreamResponse, UpstreamError>, requested_at: Timestamp) -> ProbeResult {
    let answer = answer.map_err(|error| error.reason)?;
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let named = |name| answer.headers.get(name).and_then(text);
    let cookies = answer.headers.get_all(SET_COOKIE).iter().filter_map(text);
    let names = cookies.filter_map(|cookie| Some(cookie.split_once('=')?.0.to_owned()));
    Ok(ProbeResponse {
        status: answer.status,
        body: serde_json::from_slice(&answer.body).ok(),
        is_page: named(CONTENT_TYPE).is_some_and(|it| it.starts_with("text/html")),
        location: named(LOCATION),
        clock: named(DATE).and_then(|date| clock_offset(&date, requested_at, now())),
        cookies: names.collect(),
    })
}

/// The offset of the clock that wrote `date` to this server's, which measured the time before and after.
/// Dates have whole seconds (RFC 9110 section 6.6.1): a difference within rounding is zero.
fn clock_offset(date: &str, requested_at: Timestamp, answered_at: Timestamp) -> Option<TimeDelta> {
    let written = DateTime::parse_from_rfc2822(date).ok()?.to_utc();
    let end = written + TimeDelta::seconds(1);
    if written > answered_at {
        return Some(written - answered_at);
    }
    Some(if end < requested_at { end - requested_at } else { TimeDelta::zero() })
}
