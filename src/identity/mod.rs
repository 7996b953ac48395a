//! Who is asking. One caller per request, decided once, at the edge.
//!
//! [`Authenticator::decide`] finds the credential that counts (`credentials`), hands it to the scheme
//! that can check it (`jwt` with the keys of `jwks`, or `session` at the auth server), and answers
//! with one [`Decision`]. The schemes are private: nobody else can make a [`Caller`].

mod caller;
mod credentials;
mod jwks;
mod jwt;
mod personas;
mod session;
mod upstream;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};

pub use caller::{Caller, Kind, Via};
pub use personas::{Issuer, IssuerError, PERSONAS, Persona};

pub use crate::config::Tiers;
use crate::config::{IdentityConfig, Origin};
use credentials::{Credential, SameSite};
use jwks::Jwks;
use jwt::JwtVerifier;
use session::Sessions;
use upstream::Upstream;

/// The answer to "who is asking".
#[derive(Clone, Debug)]
pub enum Decision {
    /// No credential was shown.
    Anonymous,
    /// The credential is good.
    Caller(Arc<Caller>),
    /// The credential is not good. The request ends; it never becomes anonymous.
    Refused(Refusal),
    /// The credential is a cookie, and nothing shows that a page of ours sent it.
    CrossSite(&'static str),
    /// Whether the credential is good cannot be found out now.
    Unavailable,
}

/// Why a credential was refused: a sentence without anything of the credential in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

/// What a scheme says of a credential it did not accept.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is not good.
    Refused(Refusal),
    /// It cannot be checked now.
    Unavailable,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn refused<T>(reason: &'static str) -> Result<T, Fault> {
    Err(Fault::Refused(Refusal(reason)))
}

/// Decides who is asking.
pub struct Authenticator {
    jwt: JwtVerifier,
    sessions: Option<Sessions>,
    cookie_prefix: String,
    same_site: SameSite,
}

impl Authenticator {
    /// The authenticator for `config`. With a development `issuer`, its keys are the key set: its
    /// tokens are verified like anyone's.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        config: &IdentityConfig,
        allowed_origins: &[Origin],
        issuer: Option<&Issuer>,
    ) -> Result<Self, reqwest::Error> {
        let upstream = Upstream::new(config.timeout)?;
        let jwks = match (issuer, &config.jwks_url) {
            (Some(issuer), _) => Some(Jwks::fixed(&issuer.key_set())),
            (None, Some(url)) => Some(Jwks::remote(url.clone(), upstream.clone(), config)),
            (None, None) => None,
        };
        let mut rules = config.clone();
        if let Some(issuer) = issuer {
            rules.issuers = vec![issuer.name().to_owned()];
            rules.audiences = vec![issuer.name().to_owned()];
        }
        let prefix = config.auth_server.as_ref().map(|server| server.cookie_prefix.clone());
        Ok(Self {
            sessions: config
                .auth_server
                .as_ref()
                .map(|server| Sessions::new(server, upstream, &rules)),
            jwt: JwtVerifier::new(rules, jwks),
            cookie_prefix: prefix.unwrap_or_else(|| "better-auth".to_owned()),
            same_site: SameSite::new(allowed_origins),
        })
    }

    /// Who sent a request with these `headers`. `address` is the end user's, as far as it is known.
    pub async fn decide(&self, method: &Method, headers: &HeaderMap, address: IpAddr) -> Decision {
        let credential = credentials::find(headers, &self.cookie_prefix);
        if let Credential::SessionCookies(_) = credential
            && let Err(why) = self.same_site.check(method, headers)
        {
            return Decision::CrossSite(why);
        }
        let checked = match credential {
            Credential::Absent => return Decision::Anonymous,
            Credential::Unusable(reason) => refused(reason),
            Credential::Jwt(token) => self.jwt.verify(&token).await.map(Arc::new),
            session @ (Credential::SessionToken(_) | Credential::SessionCookies(_)) => {
                match &self.sessions {
                    Some(sessions) => sessions.validate(&session, address).await,
                    None => refused("no auth server is configured that could know this session"),
                }
            }
        };
        match checked {
            Ok(caller) => Decision::Caller(caller),
            Err(Fault::Refused(refusal)) => {
                tracing::info!(reason = refusal.0, "credential refused");
                Decision::Refused(refusal)
            }
            Err(Fault::Unavailable) => Decision::Unavailable,
        }
    }

    /// Who shows this bearer token, outside of any request.
    pub async fn decide_bearer(&self, token: &SecretString) -> Decision {
        let mut headers = HeaderMap::new();
        match HeaderValue::try_from(format!("Bearer {}", token.expose_secret())) {
            Ok(value) => headers.insert(AUTHORIZATION, value),
            Err(_) => return Decision::Refused(Refusal("the token is no header value")),
        };
        self.decide(&Method::POST, &headers, IpAddr::from([127, 0, 0, 1])).await
    }

    /// Whether signed tokens can be checked now: there is a key set, or none is configured.
    pub async fn ready(&self) -> bool {
        self.jwt.ready().await
    }
}
