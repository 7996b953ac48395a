//! Opaque OAuth access tokens: introspection (RFC 7662) and userinfo.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hallpass_entity::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::jwt::names_one_of;
use super::oauth_client::OAuthClient;
use crate::config::{IdentityConfig, OpaqueTokenConfig};
use crate::identity::auth_server::client::{Endpoint, UpstreamRequest, UpstreamResponse};
use crate::identity::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::identity::claims::{Claims, numeric_date, public_subject, string_claim, subject_claim};
use crate::identity::credential::cookies::mark_sensitive;
use crate::identity::error::{AuthError, Check, refused};

/// How long a token is shown to last where the auth server does not say: by then it is asked again.
const DEFAULT_CACHE_TTL: TimeDelta = TimeDelta::minutes(5);
/// What clocks may differ by.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// Asks about opaque access tokens.
pub(crate) struct OpaqueTokens {
    line: Endpoint,
    way: ClientAuthMethod,
    resources: Vec<String>,
    issuer: Option<String>,
    full_clients: Vec<String>,
}

enum ClientAuthMethod {
    /// RFC 7662.
    Introspection { url: Url, client_id: String, secret: SecretString, in_body: AtomicBool },
    /// OpenID Connect Core section 5.3.
    UserInfo { url: Url },
}

impl OpaqueTokens {
    /// None where the settings let no opaque token in.
    pub(crate) fn new(config: &IdentityConfig, line: Endpoint) -> Option<Self> {
        let base = &config.auth_server.as_ref()?.base;
        let url = |path: &str| {
            Url::parse(&format!("{base}{path}")).expect("the settings hold an address")
        };
        let way = match config.opaque_tokens.clone()? {
            OpaqueTokenConfig::Introspection { client_id, secret } => {
                ClientAuthMethod::Introspection {
                    url: url("/oauth2/introspect"),
                    client_id,
                    secret,
                    in_body: AtomicBool::new(false),
                }
            }
            OpaqueTokenConfig::UserInfo => {
                ClientAuthMethod::UserInfo { url: url("/oauth2/userinfo") }
            }
        };
        let (resources, issuer) = (config.oauth_resources.clone(), config.oidc_issuer.clone());
        let full_clients = config.full_clients.clone();
        Some(Self { line, way, resources, issuer, full_clients })
    }

    /// The caller whose access token it is.
    pub(crate) async fn verify(
        &self,
        token: &SecretString,
        reading: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let asked_at = now();
        match &self.way {
            ClientAuthMethod::Introspection { url, client_id, secret, in_body } => {
                let known_way = in_body.load(Ordering::Relaxed);
                let mut answer = self.introspect(url, client_id, secret, token, known_way).await?;
                // A client is registered for one way of showing its secret, and refused by the other.
                if [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&answer.status) {
                    answer = self.introspect(url, client_id, secret, token, !known_way).await?;
                    if answer.status == StatusCode::OK {
                        in_body.store(!known_way, Ordering::Relaxed);
                    }
                }
                self.introspected(&object(&answer)?, client_id, asked_at, reading)
            }
            ClientAuthMethod::UserInfo { url } => {
                let answer = self.user_info(url, token).await?;
                // RFC 6750 section 3.1, and what Better Auth says to a machine's token.
                let no = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                if no.contains(&answer.status) {
                    return refused(Check::Known, "the auth server knows no such access token");
                }
                self.userinfo_caller(&object(&answer)?, asked_at, reading)
            }
        }
    }

    /// What is answered about a token that was never issued: whether we may ask at all.
    pub(crate) async fn probe_with_unknown_token(
        &self,
        token: &SecretString,
    ) -> Result<UpstreamResponse, AuthError> {
        match &self.way {
            ClientAuthMethod::Introspection { url, client_id, secret, .. } => {
                let answer = self.introspect(url, client_id, secret, token, false).await?;
                match answer.status {
                    StatusCode::OK => Ok(answer),
                    _ => self.introspect(url, client_id, secret, token, true).await,
                }
            }
            ClientAuthMethod::UserInfo { url } => self.user_info(url, token).await,
        }
    }

    async fn user_info(
        &self,
        url: &Url,
        token: &SecretString,
    ) -> Result<UpstreamResponse, AuthError> {
        let bearer = mark_sensitive(&format!("Bearer {}", token.expose_secret()));
        let headers = bearer.map(|bearer| (AUTHORIZATION, bearer)).into_iter().collect();
        self.send(UpstreamRequest::get(url.clone(), headers)).await
    }

    /// RFC 7662 section 2.1; the client shows its secret as RFC 6749 section 2.3.1 has it. Without the
    /// hint, Better Auth vouches for refresh tokens too.
    async fn introspect(
        &self,
        url: &Url,
        client_id: &str,
        secret: &SecretString,
        token: &SecretString,
        in_body: bool,
    ) -> Result<UpstreamResponse, AuthError> {
        let secret = secret.expose_secret();
        let mut form = vec![("token", token.expose_secret()), ("token_type_hint", "access_token")];
        let mut headers = HeaderMap::new();
        if in_body {
            form.extend([("client_id", client_id), ("client_secret", secret)]);
        } else {
            let encoded = |text: &str| form_encoded(&[("", text)])[1..].to_owned();
            let pair = format!("{}:{}", encoded(client_id), encoded(secret));
            let basic = mark_sensitive(&format!("Basic {}", STANDARD.encode(pair)));
            headers.extend(basic.map(|basic| (AUTHORIZATION, basic)));
        }
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        let body = form_encoded(&form).into_bytes();
        self.send(UpstreamRequest::post(url.clone(), headers, body).repeatable()).await
    }

    async fn send(&self, question: UpstreamRequest) -> Result<UpstreamResponse, AuthError> {
        self.line.send_with_retry(&question).await.map_err(|no_answer| {
            no_answer.log_outcome("an access token");
            no_answer.outage().into()
        })
    }

    /// RFC 7662 section 2.2.
    fn introspected(
        &self,
        answer: &Claims,
        client_id: &str,
        asked_at: Timestamp,
        reading: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        if answer.get("active") != Some(&Value::Bool(true)) {
            return refused(Check::Known, "the auth server knows no such access token");
        }
        // RFC 9449: a token that is bound to a key of the client's is no bearer token.
        if answer.contains_key("cnf") {
            return refused(Check::Kind, "the access token is bound to a key of its client's");
        }
        let expires_at = numeric_date(answer, "exp")?.unwrap_or(asked_at + DEFAULT_CACHE_TTL);
        if expires_at <= now() {
            return refused(Check::Times, "the access token has expired");
        }
        for claim in ["nbf", "iat"] {
            if numeric_date(answer, claim)?.is_some_and(|start| start > now() + CLOCK_SKEW) {
                return refused(Check::Times, "the access token is not valid yet");
            }
        }
        if string_claim(answer, "token_type")
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer"))
        {
            return refused(Check::Kind, "the token is no bearer token");
        }
        if answer.get("iss").is_some_and(|iss| iss.as_str() != self.issuer.as_deref()) {
            return refused(Check::Issuer, "the access token's issuer is not an accepted one");
        }
        let client = string_claim(answer, "client_id");
        let is_ours = match answer.get("aud") {
            None | Some(Value::Null) => client.as_deref() == Some(client_id),
            audience => names_one_of(audience, &self.resources),
        };
        if !is_ours {
            return refused(Check::Audience, "the access token is meant for another audience");
        }
        let proof = CredentialProof::asked(AuthMethod::AccessToken, asked_at, expires_at);
        // No user signed in for a token that a machine got for itself.
        let sub = answer.get("sub").filter(|sub| !sub.is_null());
        let is_machine = sub.is_none() || sub.and_then(Value::as_str) == client.as_deref();
        let caller = match is_machine {
            true => Caller::service(subject_claim(answer.get("client_id"))?, proof, reading),
            false => Caller::from_claims(public_subject(sub)?, proof, answer, reading)?,
        };
        Ok(caller.by_client(OAuthClient::named_by(answer, &self.full_clients)))
    }

    fn userinfo_caller(
        &self,
        answer: &Claims,
        asked_at: Timestamp,
        reading: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let proof =
            CredentialProof::asked(AuthMethod::AccessToken, asked_at, asked_at + DEFAULT_CACHE_TTL);
        let sub = public_subject(answer.get("sub"))?;
        let caller = Caller::from_claims(sub, proof, answer, reading)?;
        let client = OAuthClient::from_userinfo(answer, &self.full_clients);
        Ok(caller.by_client(client))
    }
}

fn object(answer: &UpstreamResponse) -> Result<Claims, AuthError> {
    if answer.status == StatusCode::OK
        && let Ok(Value::Object(object)) = serde_json::from_slice(&answer.body)
    {
        return Ok(object);
    }
    tracing::warn!(status = %answer.status, "the auth server could not tell about an access token");
    Err(answer.outage().into())
}

fn form_encoded(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("it is an address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}
