//! Questions that no request asks: how the auth server is set up, found out from outside, with
//! credentials that were never issued. What the answers mean is for the module that asks to say.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, DATE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use chrono::{DateTime, TimeDelta};
use hallpass_entity::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::inspect::{Inspection, decode_parts};
use crate::config::IdentityConfig;
use crate::identity::auth_server::client::{
    AuthServerClient, Endpoint, UpstreamError, UpstreamRequest, UpstreamResponse,
};
use crate::identity::auth_server::user_lookup;
use crate::identity::claims::timestamp_claim;
use crate::identity::credential::cookies::mark_sensitive;
use crate::identity::error::AuthError;
use crate::identity::jose::better_auth_secret::SecretKeyring;
use crate::identity::jose::jwk;
use crate::identity::metrics::{IdentityMetrics, Purpose};
use crate::identity::schemes::api_key::ApiKeys;
use crate::identity::schemes::introspection::OpaqueTokens;
use crate::identity::schemes::session::GET_SESSION;

/// Addresses for documentation (RFC 5737), which are no user's: no user's rate limit is used up. From this
/// one single questions are asked …
pub const PROBE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));
/// … and from these so many that a limit shows, and whether it is one for both.
pub const TWO_PROBE_ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];

/// Bytes that RFC 6265 does not let into a cookie's value, beside those that encoding always escapes.
const IN_COOKIE: &percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC;

/// Where a session gets a JWT; asking must not extend it.
const TOKEN: &str = "/token?disableCookieCache=true&disableRefresh=true";

/// What Better Auth's other cookies are called, after the prefix.
const OTHER_COOKIES: [&str; 4] = ["session_data", "dont_remember", "account_data", "oauth_state"];

/// Asks the auth server.
pub struct AuthServerProbe {
    config: IdentityConfig,
    secrets: SecretKeyring,
    upstream: AuthServerClient,
    line: Endpoint,
}

/// What was answered, as far as it is of interest: no credential is in it.
#[derive(Clone, Debug)]
pub struct ProbeResponse {
    /// The status.
    pub status: StatusCode,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// Whether it is a web page.
    pub is_page: bool,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// How far the other clock is ahead of ours, at least; behind, where it is negative.
    pub clock: Option<TimeDelta>,
    /// The names of the cookies that it sets or deletes.
    pub cookies: Vec<String>,
}

/// An answer, or why none came.
pub type ProbeResult = Result<ProbeResponse, &'static str>;

/// What the auth server does with a session that does not exist.
#[derive(Clone, Debug, Default)]
pub struct DummySession {
    /// The name of its session cookie, by which it deletes a session that is over. Only a server with
    /// the bearer plugin tells.
    pub cookie: Option<String>,
    /// Whether it takes a signature by BETTER_AUTH_SECRET for its own; none where that cannot be told.
    pub secret_fits: Option<bool>,
    /// Whether its bearer plugin takes signed session tokens alone (`requireSignature`).
    pub requires_signature: bool,
}

/// What `get-session` answers about a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAnswer {
    /// `null`: no session.
    Nothing,
    /// A session and its user.
    Session,
    /// An object without a session or without a user, or in which something of them is missing.
    OtherShape,
    /// It could not be found out.
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
        let upstream = AuthServerClient::new(config.timeout, IdentityMetrics::default())?;
        let line = upstream.endpoint(Purpose::Sessions);
        let secrets = SecretKeyring::new(&config.auth_secrets);
        Ok(Self { config: config.clone(), secrets, upstream, line })
    }

    /// What is at `address`.
    pub async fn get(&self, address: &str) -> ProbeResult {
        self.put(address, HeaderMap::new()).await
    }

    /// What `get-session` says to a client without a session that asks from `address`.
    pub async fn probe_anonymous_session(&self, address: IpAddr) -> ProbeResult {
        self.session(HeaderMap::new(), address).await
    }

    /// What `get-session` does with a session that does not exist: it deletes the cookie of one that was
    /// signed by its secret, and says nothing of any other.
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
                // A server that shows no name may have another: then nothing is known.
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

    /// What `get-session` answers about a credential, from its database or, where `cached`, from a cookie
    /// cache that is shown with it.
    pub async fn shown_session(&self, inspection: &Inspection, cached: bool) -> SessionAnswer {
        let headers = inspection.headers(&self.config.api_key_header);
        let (Some(headers), Some(server)) = (headers, &self.config.auth_server) else {
            return SessionAnswer::Unknown;
        };
        let path = if cached { "/get-session?disableRefresh=true" } else { GET_SESSION };
        let Ok(reply) = self.put(&format!("{}{path}", server.base), headers).await else {
            return SessionAnswer::Unknown;
        };
        match (reply.status, reply.body) {
            (StatusCode::OK, Some(Value::Null)) => SessionAnswer::Nothing,
            (StatusCode::OK, Some(body)) if is_whole(&body) => SessionAnswer::Session,
            (StatusCode::OK, Some(Value::Object(_))) => SessionAnswer::OtherShape,
            _ => SessionAnswer::Unknown,
        }
    }

    /// The claims of the JWT that the jwt plugin issues for a session; none where it issues none. Its signature
    /// is not checked.
    pub async fn jwt_of_session(&self, inspection: &Inspection) -> Option<Map<String, Value>> {
        let headers = inspection.headers(&self.config.api_key_header)?;
        let server = self.config.auth_server.as_ref()?;
        let reply = self.put(&format!("{}{TOKEN}", server.base), headers).await.ok()?;
        let body = reply.body.filter(|_| reply.status == StatusCode::OK)?;
        decode_parts(body.get("token")?.as_str()?).map(|(_, claims)| claims)
    }

    async fn knows_signature(
        &self,
        signed: &SecretString,
        name: Option<&str>,
        address: IpAddr,
    ) -> Option<bool> {
        let usual = &self.config.session_cookie;
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => ["", "__Secure-"].map(|it| format!("{it}{usual}")).to_vec(),
        };
        let value = percent_encoding::utf8_percent_encode(signed.expose_secret(), IN_COOKIE);
        let pairs: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
        let reply = self.session(header(&COOKIE, &pairs.join("; ")), address).await.ok()?;
        (reply.status == StatusCode::OK).then(|| session_cookie(reply, usual).is_some())
    }

    /// What API_KEY_VERIFY_URL says of a key that does not exist; none where it is not set.
    pub async fn dummy_api_key(&self) -> Option<ProbeResult> {
        let keys = ApiKeys {
            url: self.config.api_key_url.clone()?,
            machine_key: self.config.machine_key.clone(),
            line: self.upstream.endpoint(Purpose::ApiKeys),
        };
        let asked_at = now();
        Some(reply(keys.probe_with_unknown_key(&dummy_text().into()).await, asked_at))
    }

    /// What the endpoint for users says of one that there is not; none where it is not set.
    pub async fn dummy_user(&self) -> Option<ProbeResult> {
        let lookup = self.config.user_lookup.as_ref()?;
        let line = self.upstream.endpoint(Purpose::Users);
        let asked_at = now();
        Some(reply(
            user_lookup::request(&line, &lookup.url, &lookup.key, &dummy_text()).await,
            asked_at,
        ))
    }

    /// What the auth server says of an opaque access token that does not exist; none where the settings let
    /// none in.
    pub async fn dummy_access_token(&self) -> Option<ProbeResult> {
        let line = self.upstream.endpoint(Purpose::AccessTokens);
        let tokens = OpaqueTokens::new(&self.config, line)?;
        let asked_at = now();
        let answer = tokens.probe_with_unknown_token(&dummy_text().into()).await;
        let answer = answer.map_err(|fault| match fault {
            AuthError::Refused(refusal) => UpstreamError::new(refusal.reason),
            AuthError::Unavailable(_) => UpstreamError::new("no answer came"),
        });
        Some(reply(answer, asked_at))
    }

    async fn session(&self, mut headers: HeaderMap, address: IpAddr) -> ProbeResult {
        let base = self.config.auth_server.as_ref().map_or("", |server| &server.base);
        headers.extend(header(&"x-forwarded-for".parse().expect("a name"), &address.to_string()));
        self.put(&format!("{base}{GET_SESSION}"), headers).await
    }

    async fn put(&self, address: &str, headers: HeaderMap) -> ProbeResult {
        let url = Url::parse(address).map_err(|_| "it is no web address")?;
        let asked_at = now();
        reply(self.line.send_with_retry(&UpstreamRequest::get(url, headers)).await, asked_at)
    }
}

/// The entries of a key set, usable or not; none where `document` is none.
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

/// The session cookie that an answer deletes: the one of the settings, or else one of Better Auth's.
fn session_cookie(reply: ProbeResponse, usual: &str) -> Option<String> {
    let is_ours = |name: &String| name.trim_start_matches("__Secure-") == usual;
    let is_usual = |name: &String| name.ends_with("session_token");
    let is_other = |name: &String| OTHER_COOKIES.iter().any(|other| name.contains(other));
    let named = |is: &dyn Fn(&String) -> bool| reply.cookies.iter().find(|it| is(it)).cloned();
    // With a name of its own, it is the one that is deleted beside those.
    let own = || named(&is_other).and_then(|_| named(&|name| !is_other(name)));
    named(&is_ours).or_else(|| named(&is_usual)).or_else(own)
}

/// Whether an answer of `get-session` has all that names a user and the end of a session.
fn is_whole(body: &Value) -> bool {
    let (user, session) = (&body["user"], &body["session"]);
    user["id"].is_string()
        && session["userId"] == user["id"]
        && session.get("expiresAt").and_then(timestamp_claim).is_some()
}

fn reply(answer: Result<UpstreamResponse, UpstreamError>, asked_at: Timestamp) -> ProbeResult {
    let answer = answer.map_err(|no_answer| no_answer.reason)?;
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let named = |name| answer.headers.get(name).and_then(text);
    let cookies = answer.headers.get_all(SET_COOKIE).iter().filter_map(text);
    let names = cookies.filter_map(|cookie| Some(cookie.split_once('=')?.0.to_owned()));
    Ok(ProbeResponse {
        status: answer.status,
        body: serde_json::from_slice(&answer.body).ok(),
        is_page: named(CONTENT_TYPE).is_some_and(|it| it.starts_with("text/html")),
        location: named(LOCATION),
        clock: named(DATE).and_then(|date| clock_offset(&date, asked_at, now())),
        cookies: names.collect(),
    })
}

/// How far ahead of ours the clock is that wrote `date` between two moments. It writes whole seconds
/// (RFC 9110 section 6.6.1): what that can account for is no difference.
fn clock_offset(date: &str, asked_at: Timestamp, answered_at: Timestamp) -> Option<TimeDelta> {
    let written = DateTime::parse_from_rfc2822(date).ok()?.to_utc();
    let end = written + TimeDelta::seconds(1);
    if written > answered_at {
        return Some(written - answered_at);
    }
    Some(if end < asked_at { end - asked_at } else { TimeDelta::zero() })
}
