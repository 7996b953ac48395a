//! Learners: the caller (`me`, `viewer`), their background and their interest.

pub(crate) mod profile_overrides;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use hallpass_entity::learner;
use hallpass_entity::level::Level as LevelRow;

use crate::access::Rule::{Public, SignedIn};
use crate::access::{guarded, semantic_non_null};
use crate::graphql::{ContextExt as _, DateTime, NullOnError, Result};
use hallpass_identity::{self, Caller};

pub use profile_overrides::{LearnerMutation, LearnerProfileInput, ProfileOverrides};

/// Level of experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "LevelRow")]
pub enum Level {
    /// Beginner.
    Beginner,
    /// Intermediate.
    Intermediate,
    /// Advanced.
    Advanced,
}

/// Background and interest of a learner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Level in software.
    pub software: LevelRow,
    /// Level in hardware.
    pub hardware: LevelRow,
    /// Interest area.
    pub interest: String,
    /// Whether the auth server or the learner stated any of it. If not, all of it is the default.
    pub is_stated: bool,
}

/// Interest area of a learner without one.
const DEFAULT_INTEREST: &str = "General";

/// The caller's profile: their own overrides, else the claims of the auth server.
///
/// # Errors
/// When the database is unavailable.
pub async fn profile(ctx: &Context<'_>) -> Result<Profile> {
    let caller = ctx.caller();
    let profile = Profile::from_claims(
        caller.and_then(Caller::software_background),
        caller.and_then(Caller::hardware_background),
        caller.and_then(Caller::interest_area),
    );
    Ok(match ctx.data_unchecked::<ProfileOverrides>().read().await? {
        Some(overrides) => profile.with_overrides(overrides),
        None => profile,
    })
}

impl Profile {
    /// Builds a profile from claims of the auth server. An unknown or missing background is Beginner, a missing
    /// interest is General.
    #[must_use]
    pub fn from_claims(
        software: Option<&str>,
        hardware: Option<&str>,
        interest: Option<&str>,
    ) -> Self {
        Self {
            software: level(software),
            hardware: level(hardware),
            interest: interest
                .map(str::trim)
                .filter(|interest| !interest.is_empty())
                .unwrap_or(DEFAULT_INTEREST)
                .to_owned(),
            is_stated: software.or(hardware).or(interest).is_some(),
        }
    }

    /// Applies the values that the learner set.
    fn with_overrides(self, overrides: learner::Model) -> Self {
        Self {
            is_stated: true,
            software: overrides.software_background.unwrap_or(self.software),
            hardware: overrides.hardware_background.unwrap_or(self.hardware),
            interest: overrides.interest_area.unwrap_or(self.interest),
        }
    }

    /// The kind of text for this learner: `advanced-robotics`, `beginner-friendly` or `intermediate`.
    #[must_use]
    pub fn content_level(&self) -> &'static str {
        match (self.software, self.interest.as_str()) {
            (LevelRow::Advanced, interest) if interest.eq_ignore_ascii_case("robotics") => {
                "advanced-robotics"
            }
            (LevelRow::Beginner, _) => "beginner-friendly",
            (LevelRow::Intermediate | LevelRow::Advanced, _) => "intermediate",
        }
    }
}

fn level(text: Option<&str>) -> LevelRow {
    match text.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Some("advanced") => LevelRow::Advanced,
        Some("intermediate") => LevelRow::Intermediate,
        _ => LevelRow::Beginner,
    }
}

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

/// Learner profile: background and interest.
#[derive(Clone, Debug, SimpleObject)]
pub struct LearnerProfile {
    /// Level in software.
    pub software_background: Level,
    /// Level in hardware.
    pub hardware_background: Level,
    /// Interest area.
    pub interest_area: String,
}

/// The caller, per the credential.
pub type Me<'a> = NullOnError<MeFields<'a>>;

/// Resolver of [`Me`].
pub struct MeFields<'a>(&'a Caller);

impl<'a> From<&'a Caller> for Me<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self(MeFields(caller))
    }
}

/// The caller, per the credential.
#[guarded(Me)]
#[Object(name = "Me")]
impl MeFields<'_> {
    /// User ID at the auth server.
    async fn id(&self) -> ID {
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

    /// Learner profile: the caller's own settings, else the claims of the auth server.
    #[graphql(guard = "Public", scope = "profile:read", directive = semantic_non_null::apply())]
    async fn profile(&self, ctx: &Context<'_>) -> Result<Option<LearnerProfile>> {
        let profile = profile(ctx).await?;
        Ok(Some(LearnerProfile {
            software_background: profile.software.into(),
            hardware_background: profile.hardware.into(),
            interest_area: profile.interest,
        }))
    }

    /// Kind of text for the caller: `advanced-robotics`, `beginner-friendly` or `intermediate`.
    #[graphql(guard = "Public", scope = "profile:read", directive = semantic_non_null::apply())]
    async fn content_level(&self, ctx: &Context<'_>) -> Result<Option<&'static str>> {
        Ok(Some(profile(ctx).await?.content_level()))
    }
}

/// Queries for the caller.
#[derive(Default)]
pub struct LearnerQuery;

#[guarded(Query, domain = "profile")]
#[Object]
impl LearnerQuery {
    /// The caller. Requires a signed-in user.
    #[graphql(guard = "SignedIn", scope = "openid", directive = semantic_non_null::apply())]
    async fn me<'ctx>(&self, ctx: &Context<'ctx>) -> Result<Option<Me<'ctx>>> {
        Ok(ctx.caller().map(Me::from))
    }

    /// The caller. Null if no caller is signed in.
    #[graphql(guard = "Public", scope = "openid")]
    async fn viewer<'ctx>(&self, ctx: &Context<'ctx>) -> Result<Option<Me<'ctx>>> {
        Ok(ctx.caller().map(Me::from))
    }
}
