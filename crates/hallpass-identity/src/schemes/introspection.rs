//! Opaque OAuth access tokens: token introspection (RFC 7662) and userinfo.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hallpass_types::{Timestamp, now};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::jwt::names_one_of;
use super::oauth_client::{OAuthClient, TWO_CLIENTS, names_two_clients};
use crate::auth_server::client::{Endpoint, UpstreamRequest, UpstreamResponse};
use crate::caller::{AuthMethod, Caller, ClaimMapping, CredentialProof};
use crate::claims::{Claims, numeric_date, public_subject, string_claim, subject_claim};
use crate::config::{IdentityConfig, OpaqueTokenConfig};
use crate::credential::cookies::mark_sensitive;
use crate::error::{ACCESS_TOKEN_EXPIRED, AuthError, Check, rejected};

/// The expiry assumed when the auth server does not state one: the token is validated again by then.
const DEFAULT_CACHE_TTL: TimeDelta = TimeDelta::minutes(5);
/// Clock skew tolerated.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);

/// Validates opaque access tokens.
pub(crate) struct OpaqueTokens {
    endpoint: Endpoint,
    method: ValidationMethod,
    resources: Vec<String>,
    issuer: Option<String>,
    full_clients: Vec<String>,
}

enum ValidationMethod {
    /// RFC 7662.
    Introspection { url: Url, client_id: String, secret: SecretString, in_body: AtomicBool },
    /// OpenID Connect Core section 5.3.
    UserInfo { url: Url },
}

impl OpaqueTokens {
    /// None when the settings accept no opaque tokens.
    pub(crate) fn new(config: &IdentityConfig, endpoint: Endpoint) -> Option<Self> {
        let base = &config.auth_server.as_ref()?.base;
        let url = |path: &str| {
            Url::parse(&format!("{base}{path}")).expect("the settings hold an address")
        };
        let method = match config.opaque_tokens.clone()? {
            OpaqueTokenConfig::Introspection { client_id, secret } => {
                ValidationMethod::Introspection {
                    url: url("/oauth2/introspect"),
                    client_id,
                    secret,
                    in_body: AtomicBool::new(false),
                }
            }
            OpaqueTokenConfig::UserInfo => {
                ValidationMethod::UserInfo { url: url("/oauth2/userinfo") }
            }
        };
        let (resources, issuer) = (config.oauth_resources.clone(), config.oidc_issuer.clone());
        let full_clients = config.full_clients.clone();
        Some(Self { endpoint, method, resources, issuer, full_clients })
    }

    /// The caller that the access token belongs to.
    pub(crate) async fn verify(
        &self,
        token: &SecretString,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let requested_at = now();
        match &self.method {
            ValidationMethod::Introspection { url, client_id, secret, in_body } => {
                let last_in_body = in_body.load(Ordering::Relaxed);
                let mut response =
                    self.introspect(url, client_id, secret, token, last_in_body).await?;
                // A client is registered for one authentication method, and rejected with the other.
                if [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&response.status) {
                    response =
                        self.introspect(url, client_id, secret, token, !last_in_body).await?;
                    if response.status == StatusCode::OK {
                        in_body.store(!last_in_body, Ordering::Relaxed);
                    }
                }
                self.introspected(&object(&response)?, client_id, requested_at, mapping)
            }
            ValidationMethod::UserInfo { url } => {
                let response = self.user_info(url, token).await?;
                // RFC 6750 section 3.1, and Better Auth's response to a service's token.
                let rejections =
                    [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
                if rejections.contains(&response.status) {
                    return rejected(Check::Known, "the auth server knows no such access token");
                }
                self.userinfo_caller(&object(&response)?, requested_at, mapping)
            }
        }
    }

    /// The response to a token that was never issued: whether this client may introspect at all.
    pub(crate) async fn probe_with_unknown_token(
        &self,
        token: &SecretString,
    ) -> Result<UpstreamResponse, AuthError> {
        match &self.method {
            ValidationMethod::Introspection { url, client_id, secret, .. } => {
                let response = self.introspect(url, client_id, secret, token, false).await?;
                match response.status {
                    StatusCode::OK => Ok(response),
                    _ => self.introspect(url, client_id, secret, token, true).await,
                }
            }
            ValidationMethod::UserInfo { url } => self.user_info(url, token).await,
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

    /// RFC 7662 section 2.1; the client authenticates per RFC 6749 section 2.3.1. Without the hint, Better
    /// Auth accepts refresh tokens too.
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

    async fn send(&self, request: UpstreamRequest) -> Result<UpstreamResponse, AuthError> {
        self.endpoint.send(&request).await.map_err(|error| {
            error.log_outcome("an access token");
            error.outage().into()
        })
    }

    /// RFC 7662 section 2.2.
    fn introspected(
        &self,
        response: &Claims,
        client_id: &str,
        requested_at: Timestamp,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        if response.get("active") != Some(&Value::Bool(true)) {
            return rejected(Check::Known, "the auth server knows no such access token");
        }
        // RFC 9449: a token that is bound to a key of the client is not a bearer token.
        if response.contains_key("cnf") {
            return rejected(Check::Kind, "the access token is bound to a key of its client");
        }
        if names_two_clients(response) {
            return rejected(Check::Kind, TWO_CLIENTS);
        }
        let expires_at = numeric_date(response, "exp")?.unwrap_or(requested_at + DEFAULT_CACHE_TTL);
        if expires_at <= now() {
            return rejected(Check::Times, ACCESS_TOKEN_EXPIRED);
        }
        for claim in ["nbf", "iat"] {
            if numeric_date(response, claim)?.is_some_and(|start| start > now() + CLOCK_SKEW) {
                return rejected(Check::Times, "the access token is not valid yet");
            }
        }
        if string_claim(response, "token_type")
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer"))
        {
            return rejected(Check::Kind, "the token is not a bearer token");
        }
        if response.get("iss").is_some_and(|iss| iss.as_str() != self.issuer.as_deref()) {
            return rejected(Check::Issuer, "the access token's issuer is not an accepted one");
        }
        let client = string_claim(response, "client_id");
        let is_accepted = match response.get("aud") {
            None | Some(Value::Null) => client.as_deref() == Some(client_id),
            audience => names_one_of(audience, &self.resources),
        };
        if !is_accepted {
            return rejected(Check::Audience, "the access token is meant for another audience");
        }
        let proof = CredentialProof::validated(AuthMethod::AccessToken, requested_at, expires_at);
        // A client credentials token: no user signed in.
        let sub = response.get("sub").filter(|sub| !sub.is_null());
        let is_service = sub.is_none() || sub.and_then(Value::as_str) == client.as_deref();
        let caller = match is_service {
            true => Caller::service(subject_claim(response.get("client_id"))?, proof, mapping),
            false => Caller::from_claims(public_subject(sub)?, proof, response, mapping)?,
        };
        Ok(caller.by_client(OAuthClient::named_by(response, &self.full_clients)))
    }

    fn userinfo_caller(
        &self,
        response: &Claims,
        requested_at: Timestamp,
        mapping: &ClaimMapping<'_>,
    ) -> Result<Caller, AuthError> {
        let proof = CredentialProof::validated(
            AuthMethod::AccessToken,
            requested_at,
            requested_at + DEFAULT_CACHE_TTL,
        );
        let sub = public_subject(response.get("sub"))?;
        let caller = Caller::from_claims(sub, proof, response, mapping)?;
        let client = OAuthClient::from_userinfo(response, &self.full_clients);
        Ok(caller.by_client(client))
    }
}

fn object(response: &UpstreamResponse) -> Result<Claims, AuthError> {
    if response.status == StatusCode::OK
        && let Ok(Value::Object(object)) = serde_json::from_slice(&response.body)
    {
        return Ok(object);
    }
    tracing::warn!(status = %response.status, "unexpected response about an access token");
    Err(response.outage().into())
}

fn form_encoded(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("form:").expect("it is an address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}
