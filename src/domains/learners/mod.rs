//! Learners: the caller as a person with a background and an interest.

pub(crate) mod profile_overrides;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use hallpass_entity::learner;
use hallpass_entity::level::Level as LevelRow;

use crate::access::Rule::{Public, SignedIn};
use crate::access::{guarded, semantic_non_null};
use crate::graphql::{ContextExt as _, DateTime, NullOnError, Result};
use crate::identity::{self, Caller};

pub use profile_overrides::{LearnerMutation, LearnerProfileInput, ProfileOverrides};

/// Three steps of experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "LevelRow")]
pub enum Level {
    /// New to it.
    Beginner,
    /// At home with the basics.
    Intermediate,
    /// Experienced.
    Advanced,
}

/// What is known of a learner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Experience with software.
    pub software: LevelRow,
    /// Experience with hardware.
    pub hardware: LevelRow,
    /// What they want to learn about.
    pub interest: String,
}

/// An interest that the auth server did not state.
const NO_INTEREST: &str = "General";

/// The profile of the caller: what they say of themselves, else what the auth server says.
///
/// # Errors
/// When the database is away.
pub async fn profile(ctx: &Context<'_>) -> Result<Profile> {
    let caller = ctx.caller();
    let profile = Profile::from_claims(
        caller.and_then(Caller::software_background),
        caller.and_then(Caller::hardware_background),
        caller.and_then(Caller::interest_area),
    );
    Ok(match ctx.data_unchecked::<ProfileOverrides>().read().await? {
        Some(words) => profile.with_overrides(words),
        None => profile,
    })
}

impl Profile {
    /// The profile that these words of the auth server make. An unknown or missing background counts
    /// as Beginner, a missing interest as General.
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
                .unwrap_or(NO_INTEREST)
                .to_owned(),
        }
    }

    /// The same, where the learner says nothing else.
    fn with_overrides(self, words: learner::Model) -> Self {
        Self {
            software: words.software_background.unwrap_or(self.software),
            hardware: words.hardware_background.unwrap_or(self.hardware),
            interest: words.interest_area.unwrap_or(self.interest),
        }
    }

    /// Which kind of text suits them: `advanced-robotics`, `beginner-friendly` or `intermediate`.
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

/// A person or a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "identity::CallerKind")]
pub enum CallerKind {
    /// A person.
    User,
    /// A machine, which owns nothing.
    Service,
}

/// The kind of credential that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "identity::AuthMethod")]
pub enum AuthMethod {
    /// A session cookie, validated at the auth server.
    SessionCookie,
    /// A bearer session token, validated at the auth server.
    SessionToken,
    /// The session as Better Auth's cookie cache holds it, not asked about.
    CookieCache,
    /// A first-party JWT, signed with a key of the key set.
    Jwt,
    /// A JWT signed with the shared secret.
    SharedSecret,
    /// An OAuth access token.
    AccessToken,
    /// An OpenID Connect id token.
    IdToken,
    /// An API key.
    ApiKey,
}

/// Background and interest.
#[derive(Clone, Debug, SimpleObject)]
pub struct LearnerProfile {
    /// Experience with software.
    pub software_background: Level,
    /// Experience with hardware.
    pub hardware_background: Level,
    /// What they want to learn about.
    pub interest_area: String,
}

/// The caller, as the auth server knows them.
pub type Me<'a> = NullOnError<MeFields<'a>>;

/// The caller behind a [`Me`].
pub struct MeFields<'a>(&'a Caller);

impl<'a> From<&'a Caller> for Me<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self(MeFields(caller))
    }
}

/// The caller, as the auth server knows them.
#[guarded(Me)]
#[Object(name = "Me")]
impl MeFields<'_> {
    /// The auth server's id of the user.
    async fn id(&self) -> ID {
        self.0.id().as_str().into()
    }

    /// Whether the user is a guest whom Better Auth's anonymous plugin made, without an account of their own.
    async fn is_anonymous(&self) -> bool {
        self.0.is_anonymous()
    }

    /// The e-mail address, if the credential says; null for a placeholder that the auth server made up.
    async fn email(&self) -> Option<&str> {
        self.0.email()
    }

    /// Whether the auth server verified the address.
    async fn email_verified(&self) -> bool {
        self.0.email_verified()
    }

    /// The name, if the credential says.
    async fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The roles held.
    async fn roles(&self) -> Vec<&str> {
        self.0.roles().iter().map(String::as_str).collect()
    }

    /// The tier held.
    async fn tier(&self) -> &str {
        self.0.tier()
    }

    /// The permissions held.
    async fn permissions(&self) -> Vec<&str> {
        self.0.permissions().iter().map(String::as_str).collect()
    }

    /// The organization that the credential names as the one acted for. It is a claim: whether the caller is a
    /// member is not checked. Null once the auth server pushed that they are one no more.
    async fn organization_id(&self) -> Option<&str> {
        self.0.organization_id()
    }

    /// A person or a machine.
    async fn kind(&self) -> CallerKind {
        self.0.kind().into()
    }

    /// The kind of credential that was accepted.
    async fn method(&self) -> AuthMethod {
        self.0.via().into()
    }

    /// When the credential ends.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at())
    }

    /// The id of the session, where the credential is one.
    async fn session_id(&self) -> Option<&str> {
        self.0.session_id()
    }

    /// The id of the administrator who acts as this user.
    async fn impersonated_by(&self) -> Option<&str> {
        self.0.impersonated_by()
    }

    /// The OAuth client that the access token was issued to, if the auth server says; null for any other
    /// credential.
    async fn client_id(&self) -> Option<&str> {
        self.0.client_id()
    }

    /// The scopes of the access token; null for any other credential.
    async fn scopes(&self) -> Option<Vec<&str>> {
        self.0.scopes().map(|scopes| scopes.iter().map(String::as_str).collect())
    }

    /// Background and interest: what the caller says of themselves, else what the auth server says.
    #[graphql(guard = "Public", scope = "profile:read", directive = semantic_non_null::apply())]
    async fn profile(&self, ctx: &Context<'_>) -> Result<Option<LearnerProfile>> {
        let profile = profile(ctx).await?;
        Ok(Some(LearnerProfile {
            software_background: profile.software.into(),
            hardware_background: profile.hardware.into(),
            interest_area: profile.interest,
        }))
    }

    /// Which kind of text suits the caller: `advanced-robotics`, `beginner-friendly` or
    /// `intermediate`.
    #[graphql(guard = "Public", scope = "profile:read", directive = semantic_non_null::apply())]
    async fn content_level(&self, ctx: &Context<'_>) -> Result<Option<&'static str>> {
        Ok(Some(profile(ctx).await?.content_level()))
    }
}

/// The queries about the caller.
#[derive(Default)]
pub struct LearnerQuery;

#[guarded(Query, domain = "profile")]
#[Object]
impl LearnerQuery {
    /// The caller.
    #[graphql(guard = "SignedIn", scope = "openid", directive = semantic_non_null::apply())]
    async fn me<'ctx>(&self, ctx: &Context<'ctx>) -> Result<Option<Me<'ctx>>> {
        Ok(ctx.caller().map(Me::from))
    }

    /// The caller, or null when no caller is signed in.
    #[graphql(guard = "Public", scope = "openid")]
    async fn viewer<'ctx>(&self, ctx: &Context<'ctx>) -> Result<Option<Me<'ctx>>> {
        Ok(ctx.caller().map(Me::from))
    }
}
