//! The caller: `me` and `viewer`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID};

use crate::access::Rule::{Public, SignedIn};
use crate::access::guarded;
use crate::graphql::{ContextExt as _, DateTime, Result};
use hallpass_data::Error;
use hallpass_identity::Caller;

/// Kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "hallpass_identity::CallerKind")]
pub enum CallerKind {
    /// User.
    User,
    /// Service: an OAuth client or API key without a user. Owns no rows.
    Service,
}

/// Kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "hallpass_identity::AuthMethod")]
pub enum AuthMethod {
    /// A session cookie, validated at the auth server.
    SessionCookie,
    /// A bearer session token, validated at the auth server.
    SessionToken,
    /// Better Auth's cookie cache: session data in a signed cookie, not validated at the auth server.
    CookieCache,
    /// A first-party JWT, signed with a key of the auth server's JWKS.
    Jwt,
    /// A JWT signed with the shared secret.
    SharedSecret,
    /// An OAuth access token.
    AccessToken,
    /// An OpenID Connect ID token.
    IdToken,
    /// An API key.
    ApiKey,
}

/// The caller, per the credential: the fields of the core. An application with fields of its own merges both into a
/// type `Me`, and writes its own `me`.
pub struct CoreMe(Arc<Caller>);

impl CoreMe {
    /// The caller of the request. None if no caller is signed in.
    #[must_use]
    pub fn of(ctx: &Context<'_>) -> Option<Self> {
        ctx.request_auth().caller.clone().map(Self)
    }

    /// The caller of the request, if this is their user ID at the auth server: for `node`.
    #[must_use]
    pub fn find(ctx: &Context<'_>, user_id: &str) -> Option<Self> {
        Self::of(ctx).filter(|me| me.0.id().as_str() == user_id)
    }
}

#[guarded(Me)]
impl CoreMe {
    /// Global ID: of the caller, it is the user ID at the auth server.
    async fn id(&self) -> ID {
        self.0.id().as_str().into()
    }

    /// User ID at the auth server.
    async fn auth_id(&self) -> ID {
        self.0.id().as_str().into()
    }

    /// Whether the user is a guest created by Better Auth's anonymous plugin, without an account.
    async fn is_anonymous(&self) -> bool {
        self.0.is_anonymous()
    }

    /// E-mail address, if the credential has one. Null for a placeholder address of the auth server.
    async fn email(&self) -> Option<&str> {
        self.0.email()
    }

    /// Whether the e-mail address is verified.
    async fn email_verified(&self) -> bool {
        self.0.email_verified()
    }

    /// Display name, if the credential has one.
    async fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Roles.
    async fn roles(&self) -> Vec<&str> {
        self.0.roles().iter().map(String::as_str).collect()
    }

    /// Tier.
    async fn tier(&self) -> &str {
        self.0.tier()
    }

    /// Permissions.
    async fn permissions(&self) -> Vec<&str> {
        self.0.permissions().iter().map(String::as_str).collect()
    }

    /// Active organization of the credential. A claim: membership is not checked. Null after the auth server pushed
    /// the end of the membership.
    async fn organization_id(&self) -> Option<&str> {
        self.0.organization_id()
    }

    /// Kind of caller.
    async fn kind(&self) -> CallerKind {
        self.0.kind().into()
    }

    /// Kind of credential.
    async fn method(&self) -> AuthMethod {
        self.0.via().into()
    }

    /// Expiry of the credential.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at())
    }

    /// Session ID, if the credential is a session.
    async fn session_id(&self) -> Option<&str> {
        self.0.session_id()
    }

    /// ID of the administrator who impersonates the user.
    async fn impersonated_by(&self) -> Option<&str> {
        self.0.impersonated_by()
    }

    /// OAuth client that the access token was issued to, if known. Null for other credentials.
    async fn client_id(&self) -> Option<&str> {
        self.0.client_id()
    }

    /// Scopes of the access token. Null for other credentials.
    async fn scopes(&self) -> Option<Vec<&str>> {
        self.0.scopes().map(|scopes| scopes.iter().map(String::as_str).collect())
    }
}

/// The caller, per the credential.
#[guarded(Me)]
pub struct Me(CoreMe);

/// Queries for the caller.
#[derive(Default)]
pub struct MeQuery;

#[guarded(Query)]
impl MeQuery {
    /// The caller. Requires a signed-in user.
    #[graphql(guard = "SignedIn", scope = "openid")]
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        Ok(CoreMe::of(ctx).map(Me).ok_or(Error::Unauthenticated)?)
    }

    /// The caller. Null if no caller is signed in.
    #[graphql(guard = "Public", scope = "openid")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Me> {
        CoreMe::of(ctx).map(Me)
    }
}
