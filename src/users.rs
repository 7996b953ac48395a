//! Users, as the auth server knows them: looked up there for administrators.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use crate::access::{ADMIN, guarded};
use crate::graphql::{ApiError, Result};
use crate::identity::{LookupError, User as Record, Users};

/// Somebody with an account at the auth server.
pub struct User(Record);

#[Object]
impl User {
    /// The auth server's id of the user.
    async fn id(&self) -> ID {
        self.0.id.as_str().into()
    }

    /// The e-mail address.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Whether the auth server verified the address.
    async fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    /// The name.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The roles held.
    async fn roles(&self) -> Vec<&str> {
        self.0.roles.iter().map(String::as_str).collect()
    }

    /// The tier held, if the auth server says.
    async fn tier(&self) -> Option<&str> {
        self.0.tier.as_deref()
    }

    /// Whether the user is banned now.
    async fn banned(&self) -> bool {
        self.0.banned
    }
}

/// The queries about users.
#[derive(Default)]
pub struct UserQuery;

#[guarded(Query)]
#[Object]
impl UserQuery {
    /// The user with this id at the auth server, which is asked through `SSO_API_KEY`. Null when there
    /// is none.
    #[graphql(guard = "ADMIN")]
    async fn user(&self, ctx: &Context<'_>, id: ID) -> Result<Option<User>> {
        let found = ctx.data_unchecked::<Arc<Users>>().find(&id).await;
        found.map(|user| user.map(User)).map_err(|error| match error {
            LookupError::NotConfigured => ApiError::NotConfigured("SSO_API_KEY"),
            LookupError::Unavailable(_) => ApiError::AuthUnavailable,
        })
    }
}
