//! Users, for administrators: looked up at the auth server, or listed as they were here.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use hallpass_entity::audit::row_of_user;
use hallpass_entity::known_user;

use crate::access::{ADMIN, guarded};
use crate::graphql::{ApiError, ContextExt as _, DateTime, Result};
use crate::identity::{LookupError, User as Record, UserLookup};

mod erasure;
pub(crate) mod list;

pub use erasure::{ErasedRows, ErasureMutation, ErasureReport};
pub use list::{KnownUserQuery, UserFilter};

/// A user with an account at the auth server.
pub enum User {
    /// As the auth server describes them.
    Account(Record),
    /// As they were here.
    Known(known_user::Model),
}

/// A user with an account at the auth server. The list of `users` does not ask there: it says who was
/// here, and is null of the rest.
#[Object]
impl User {
    /// The auth server's id of the user.
    async fn id(&self) -> ID {
        match self {
            Self::Account(user) => user.id.as_str().into(),
            Self::Known(user) => user.user_id.as_str().into(),
        }
    }

    /// The e-mail address.
    async fn email(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.email.as_deref(),
            Self::Known(user) => user.email.as_deref(),
        }
    }

    /// Whether the auth server verified the address.
    async fn email_verified(&self) -> Option<bool> {
        self.account().map(|user| user.email_verified)
    }

    /// The name.
    async fn name(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.name.as_deref(),
            Self::Known(user) => user.name.as_deref(),
        }
    }

    /// The roles held.
    async fn roles(&self) -> Option<Vec<&str>> {
        self.account().map(|user| user.roles.iter().map(String::as_str).collect())
    }

    /// The tier held, if the auth server says.
    async fn tier(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.tier.as_deref(),
            Self::Known(user) => Some(&user.tier),
        }
    }

    /// Whether the user is banned now.
    async fn banned(&self) -> Option<bool> {
        self.account().map(|user| user.banned)
    }

    /// When they came here for the first time; null where the auth server was asked.
    async fn first_seen(&self) -> Option<DateTime> {
        self.known().map(|user| DateTime(user.first_seen))
    }

    /// When they came here last, to a minute or so; null where the auth server was asked.
    async fn last_seen(&self) -> Option<DateTime> {
        self.known().map(|user| DateTime(user.last_seen))
    }
}

impl User {
    fn account(&self) -> Option<&Record> {
        match self {
            Self::Account(user) => Some(user),
            Self::Known(_) => None,
        }
    }

    fn known(&self) -> Option<&known_user::Model> {
        match self {
            Self::Account(_) => None,
            Self::Known(user) => Some(user),
        }
    }
}

/// The queries about users.
#[derive(Default)]
pub struct UserQuery;

#[guarded(Query, domain = "users")]
#[Object]
impl UserQuery {
    /// The user with this id at the auth server, which is asked through `SSO_API_KEY`. Null when there
    /// is none.
    #[graphql(guard = "ADMIN")]
    async fn user(&self, ctx: &Context<'_>, id: ID) -> Result<Option<User>> {
        ctx.request_auth().trail.read("Query.user", row_of_user(&id));
        let found = ctx.data_unchecked::<Arc<UserLookup>>().find(&id).await;
        found.map(|user| user.map(User::Account)).map_err(|error| match error {
            LookupError::NotConfigured => ApiError::NotConfigured("SSO_API_KEY"),
            LookupError::Unavailable(_) => ApiError::AuthUnavailable,
        })
    }
}
