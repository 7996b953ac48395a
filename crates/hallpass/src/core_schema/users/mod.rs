//! Users, for administrators: looked up at the auth server, listed from known users, erased.

use std::sync::Arc;

use async_graphql::{Context, ID};
use hallpass_data::audit::row_of_user;
use hallpass_data::{Comparison as _, known_user};

use crate::access::{ADMIN, guarded};
use crate::core_schema::CoreServices;
use crate::graphql::{ApiError, ContextExt as _, DateTime, Result, decode_text_id, encode_text_id};
use crate::schema::FindNodeByText;
use hallpass_identity::{LookupError, User as Record};

mod erasure;
pub(crate) mod list;

pub use erasure::{EraseUserPayload, ErasedRows, ErasureMutation, ErasureReport};
pub use list::{KnownUserQuery, UserFilter};

/// A user with an account at the auth server.
pub enum User {
    /// Account data from the auth server.
    Account(Record),
    /// Known user, from the database of this server.
    Known(known_user::Model),
}

/// A user with an account at the auth server. The list `users` reads known users from the database of this
/// server: fields that only the auth server has are null there.
#[guarded(User)]
impl User {
    /// Global ID.
    async fn id(&self) -> ID {
        encode_text_id(Self::TYPE, self.user_id())
    }

    /// User ID at the auth server.
    async fn auth_id(&self) -> ID {
        self.user_id().into()
    }

    /// E-mail address.
    async fn email(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.email.as_deref(),
            Self::Known(user) => user.email.as_deref(),
        }
    }

    /// Whether the e-mail address is verified.
    async fn email_verified(&self) -> Option<bool> {
        self.account().map(|user| user.email_verified)
    }

    /// Display name.
    async fn name(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.name.as_deref(),
            Self::Known(user) => user.name.as_deref(),
        }
    }

    /// Roles.
    async fn roles(&self) -> Option<Vec<&str>> {
        self.account().map(|user| user.roles.iter().map(String::as_str).collect())
    }

    /// Tier, if known.
    async fn tier(&self) -> Option<&str> {
        match self {
            Self::Account(user) => user.tier.as_deref(),
            Self::Known(user) => Some(&user.tier),
        }
    }

    /// Whether the user is currently banned.
    async fn banned(&self) -> Option<bool> {
        self.account().map(|user| user.banned)
    }

    /// Time of the first request to this server. Null in the query `user`.
    async fn first_seen(&self) -> Option<DateTime> {
        self.known().map(|user| DateTime(user.first_seen))
    }

    /// Time of the last request to this server, accurate to about a minute. Null in the query `user`.
    async fn last_seen(&self) -> Option<DateTime> {
        self.known().map(|user| DateTime(user.last_seen))
    }
}

/// The user ID in an argument: a global ID of a [`User`], or a user ID of the auth server.
fn user_id(id: ID) -> ID {
    decode_text_id(User::TYPE, &id).map_or(id, ID)
}

impl FindNodeByText for User {
    const TYPE: &'static str = "User";

    /// The known user with this ID.
    async fn find_by_text(ctx: &Context<'_>, key: &str) -> Result<Option<Self>> {
        let known = ctx.scope().all::<known_user::Entity>(ADMIN.authorize(ctx).await?);
        let this = known_user::Column::UserId.is(key);
        ctx.request_auth().trail.read("Query.node", row_of_user(key));
        Ok(known.filter(this).one().await?.map(Self::Known))
    }
}

impl User {
    fn user_id(&self) -> &str {
        match self {
            Self::Account(user) => &user.id,
            Self::Known(user) => user.user_id.as_str(),
        }
    }

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

/// Queries for users at the auth server.
#[derive(Default)]
pub struct UserQuery;

#[guarded(Query, domain = "users")]
impl UserQuery {
    /// Looks up a user by global ID, or by user ID, at the auth server, using `SSO_API_KEY`. Null if there is no such
    /// user.
    #[graphql(guard = "ADMIN")]
    async fn user(&self, ctx: &Context<'_>, id: ID) -> Result<Option<User>> {
        let id = user_id(id);
        ctx.request_auth().trail.read("Query.user", row_of_user(&id));
        let found = ctx.data_unchecked::<Arc<CoreServices>>().users.find(&id).await;
        found.map(|user| user.map(User::Account)).map_err(|error| match error {
            LookupError::NotConfigured => ApiError::NotConfigured("SSO_API_KEY"),
            LookupError::Unavailable(_) => ApiError::AuthUnavailable,
        })
    }
}
