//! Authentication for any axum or tower service: a layer that authenticates each request once.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use crate::config::{IdentityConfig, Origin};
use crate::extractor::{AuthRejection, Authenticated, Levels};
use crate::{Authentication, Authenticator};

/// Authenticates each request, before it reaches a handler. A GET must change nothing: a cookie is accepted with
/// it as with other methods, from pages of allowed origins. A request without a credential passes as anonymous;
/// one whose credential is rejected fails with 401, a cookie of another site with 403, and one that cannot be
/// validated now with 503: never as anonymous. Handlers take the caller with the extractors [`Caller`](crate::Caller),
/// `Option<Caller>`, [`RequireRole`](crate::RequireRole) and [`RequireTier`](crate::RequireTier).
#[derive(Clone)]
pub struct AuthLayer {
    authenticator: Arc<Authenticator>,
    levels: Arc<Levels>,
    client_ip: fn(&Parts) -> IpAddr,
}

impl AuthLayer {
    /// A layer for `config`. Cookies are accepted from pages of `allowed_origins` and of the server itself.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(
        config: &IdentityConfig,
        allowed_origins: &[Origin],
    ) -> Result<Self, reqwest::Error> {
        let authenticator = Authenticator::new(config, allowed_origins, None)?;
        Ok(Self {
            authenticator: Arc::new(authenticator.with_safe_get()),
            levels: Arc::new(Levels {
                tiers: config.tiers.clone(),
                role_inherits: config.role_inherits.clone(),
            }),
            client_ip: peer_address,
        })
    }

    /// Takes the end user's address from `client_ip`, for services behind a proxy. By default it is the
    /// peer's, where the service is made with `into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn client_ip(self, client_ip: fn(&Parts) -> IpAddr) -> Self {
        Self { client_ip, ..self }
    }

    /// The authenticator, to authenticate outside of a request.
    #[must_use]
    pub fn authenticator(&self) -> &Arc<Authenticator> {
        &self.authenticator
    }
}

fn peer_address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { layer: self.clone(), inner }
    }
}

/// The service that [`AuthLayer`] makes.
#[derive(Clone)]
pub struct AuthService<S> {
    layer: AuthLayer,
    inner: S,
}

impl AuthLayer {
    async fn authenticate(&self, parts: &Parts) -> Result<Authenticated, AuthRejection> {
        let address = (self.client_ip)(parts);
        let caller =
            match self.authenticator.authenticate(&parts.method, &parts.headers, address).await {
                Authentication::Anonymous => None,
                Authentication::Caller(caller) => Some(caller),
                Authentication::Rejected(_) => return Err(AuthRejection::InvalidCredential),
                Authentication::CrossSite(_) => return Err(AuthRejection::CrossSite),
                Authentication::Unavailable(cause) => {
                    return Err(AuthRejection::Unavailable(cause));
                }
            };
        Ok(Authenticated::new(caller, Arc::clone(&self.levels)))
    }
}

impl<S> Service<Request> for AuthService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let layer = self.layer.clone();
        // The service that is ready answers the request; its clone waits for the next.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.authenticate(&parts).await {
                Ok(authenticated) => {
                    parts.extensions.insert(authenticated);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}
