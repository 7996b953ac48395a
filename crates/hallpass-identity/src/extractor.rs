//! axum extractors behind [`AuthLayer`](crate::AuthLayer), and how they reject a request.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::config::{RoleInheritance, Tiers};
use crate::{Caller, Unavailable, UnavailableCause};

/// The result of authentication, for the extractors: an extension of the request. [`AuthLayer`](crate::AuthLayer)
/// adds it; so does a server that authenticates by other means.
#[derive(Clone)]
pub struct Authenticated {
    caller: Option<Arc<Caller>>,
    levels: Arc<Levels>,
}

impl Authenticated {
    /// The caller of the request; none for an anonymous one.
    #[must_use]
    pub fn new(caller: Option<Arc<Caller>>, levels: Arc<Levels>) -> Self {
        Self { caller, levels }
    }
}

/// What tiers and roles imply.
pub struct Levels {
    /// Tiers, lowest first.
    pub tiers: Tiers,
    /// Which roles imply which others.
    pub role_inherits: RoleInheritance,
}

/// Why a request does not reach its handler. The response is JSON: `{"code": …, "message": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthRejection {
    /// 401: no credential was presented, and the handler requires a caller.
    Unauthenticated,
    /// 401: the credential was rejected.
    InvalidCredential,
    /// 403: a cookie was sent by a page of another site.
    CrossSite,
    /// 403: the caller does not have the role.
    MissingRole(&'static str),
    /// 403: the caller's tier is below this one.
    MissingTier(&'static str),
    /// 503: the credential cannot be validated now; 429 when an API key is over its own limit.
    Unavailable(Unavailable),
    /// 500: the router has no [`AuthLayer`](crate::AuthLayer).
    NoLayer,
}

impl AuthRejection {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::InvalidCredential => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::MissingRole(_) | Self::MissingTier(_) => StatusCode::FORBIDDEN,
            Self::Unavailable(Unavailable { cause: UnavailableCause::OwnLimit, .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoLayer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::InvalidCredential => "UNAUTHENTICATED",
            Self::CrossSite | Self::MissingRole(_) | Self::MissingTier(_) => "FORBIDDEN",
            Self::Unavailable(Unavailable { cause: UnavailableCause::OwnLimit, .. }) => {
                "RATE_LIMITED"
            }
            Self::Unavailable(_) => "AUTH_UNAVAILABLE",
            Self::NoLayer => "INTERNAL",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Unauthenticated => "Sign in to continue.".into(),
            Self::InvalidCredential => "The credential was rejected: sign in again.".into(),
            Self::CrossSite => "The request was sent by a page of another site.".into(),
            Self::MissingRole(role) => format!("The role {role} is required."),
            Self::MissingTier(tier) => format!("The tier {tier} is required."),
            Self::Unavailable(_) => "The credential cannot be validated now: try again.".into(),
            Self::NoLayer => "The router has no AuthLayer.".into(),
        }
    }

    /// The challenge of a 401 (RFC 6750 section 3).
    fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Unauthenticated => Some(HeaderValue::from_static("Bearer")),
            Self::InvalidCredential => {
                Some(HeaderValue::from_static("Bearer error=\"invalid_token\""))
            }
            _ => None,
        }
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        let body = Json(json!({ "code": self.code(), "message": self.message() }));
        let mut response = (self.status(), body).into_response();
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::Unavailable(cause) = self {
            let seconds = cause.retry_after.as_secs().max(1);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn authenticated(parts: &Parts) -> Result<&Authenticated, AuthRejection> {
    parts.extensions.get().ok_or(AuthRejection::NoLayer)
}

fn caller(parts: &Parts) -> Result<&Arc<Caller>, AuthRejection> {
    authenticated(parts)?.caller.as_ref().ok_or(AuthRejection::Unauthenticated)
}

/// The caller; rejects an anonymous request with 401.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        caller(parts).map(|caller| Caller::clone(caller))
    }
}

/// The caller; none for an anonymous request.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, AuthRejection> {
        Ok(authenticated(parts)?.caller.as_deref().cloned())
    }
}

/// The name of a role or a tier, as a type: `struct Admin; impl Named for Admin { const NAME: &str = "admin"; }`.
pub trait Named {
    /// The name.
    const NAME: &'static str;
}

/// The caller, who has the role `R` or one that implies it (`ROLE_INHERITS`); rejects any other with 403, and an
/// anonymous request with 401.
pub struct RequireRole<R: Named> {
    /// The caller.
    pub caller: Caller,
    role: PhantomData<R>,
}

impl<S: Sync, R: Named> FromRequestParts<S> for RequireRole<R> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        let (levels, caller) = (&authenticated(parts)?.levels, caller(parts)?);
        let implies = |held: &String| levels.role_inherits.implies(held, R::NAME);
        match caller.roles().iter().any(implies) {
            true => Ok(Self { caller: Caller::clone(caller), role: PhantomData }),
            false => Err(AuthRejection::MissingRole(R::NAME)),
        }
    }
}

/// The caller, who has the tier `T` or a higher one; rejects any other with 403, and an anonymous request
/// with 401.
pub struct RequireTier<T: Named> {
    /// The caller.
    pub caller: Caller,
    tier: PhantomData<T>,
}

impl<S: Sync, T: Named> FromRequestParts<S> for RequireTier<T> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        let (levels, caller) = (&authenticated(parts)?.levels, caller(parts)?);
        match levels.tiers.reach(caller.tier(), T::NAME) {
            true => Ok(Self { caller: Caller::clone(caller), tier: PhantomData }),
            false => Err(AuthRejection::MissingTier(T::NAME)),
        }
    }
}
