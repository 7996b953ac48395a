//! Learners: the caller (`me`, `viewer`), their background and their interest.

pub(crate) mod profile_overrides;

use std::sync::Arc;

use async_graphql::{Context, Enum, SimpleObject};
use hallpass::data::Error;
use hallpass_entity::learner;
use hallpass_entity::level::Level as LevelRow;

use hallpass::Domain;
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::core_schema::CoreMe;
use hallpass::graphql::{ContextExt as _, Result};
use hallpass::identity::UserField;
use hallpass::schema::FindNodeByText;

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

/// Kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ContentLevel {
    /// For software background Advanced with interest Robotics.
    AdvancedRobotics,
    /// For software background Beginner, or none.
    BeginnerFriendly,
    /// For the others.
    Intermediate,
}

impl ContentLevel {
    /// The name, as in sentences and as a part of addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdvancedRobotics => "advanced-robotics",
            Self::BeginnerFriendly => "beginner-friendly",
            Self::Intermediate => "intermediate",
        }
    }
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

const SOFTWARE_BACKGROUND: &str = "softwareBackground";
const HARDWARE_BACKGROUND: &str = "hardwareBackground";
const INTEREST_AREA: &str = "interestArea";

/// Additional user fields of the auth server: background and interest of a learner.
const USER_FIELDS: &[UserField] = &[
    UserField::text(SOFTWARE_BACKGROUND),
    UserField::text(HARDWARE_BACKGROUND),
    UserField::text(INTEREST_AREA),
];

/// Interest area of a learner without one.
const DEFAULT_INTEREST: &str = "General";

/// The caller's profile: their own overrides, else the claims of the auth server.
///
/// # Errors
/// When the database is unavailable.
pub async fn profile(ctx: &Context<'_>) -> Result<Arc<Profile>> {
    Ok(ctx.request_data::<ProfileOverrides>().profile(|| claims(ctx)).await?)
}

/// The profile of the caller's claims.
fn claims(ctx: &Context<'_>) -> Profile {
    let claim = |name| ctx.caller().and_then(|caller| caller.claim(name));
    Profile::from_claims(
        claim(SOFTWARE_BACKGROUND),
        claim(HARDWARE_BACKGROUND),
        claim(INTEREST_AREA),
    )
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

    /// The kind of text for this learner.
    #[must_use]
    pub fn content_level(&self) -> ContentLevel {
        match (self.software, self.interest.as_str()) {
            (LevelRow::Advanced, interest) if interest.eq_ignore_ascii_case("robotics") => {
                ContentLevel::AdvancedRobotics
            }
            (LevelRow::Beginner, _) => ContentLevel::BeginnerFriendly,
            (LevelRow::Intermediate | LevelRow::Advanced, _) => ContentLevel::Intermediate,
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
#[guarded(Me)]
pub struct Me(CoreMe, LearnerMe);

impl FindNodeByText for Me {
    const TYPE: &'static str = "Me";

    async fn find_by_text(ctx: &Context<'_>, key: &str) -> Result<Option<Self>> {
        Ok(CoreMe::find(ctx, key).map(|me| Self(me, LearnerMe)))
    }
}

impl Me {
    /// The caller of the request. None if no caller is signed in.
    fn of(ctx: &Context<'_>) -> Option<Self> {
        CoreMe::of(ctx).map(|me| Self(me, LearnerMe))
    }

    /// The caller of the request, behind a guard that requires one.
    fn signed_in(ctx: &Context<'_>) -> Result<Self> {
        Ok(Self::of(ctx).ok_or(Error::Unauthenticated)?)
    }
}

/// The fields of [`Me`] that this domain adds.
pub struct LearnerMe;

#[guarded(Me)]
impl LearnerMe {
    /// Learner profile: the caller's own settings, else the claims of the auth server.
    #[graphql(guard = "Public", scope = "profile:read")]
    async fn profile(&self, ctx: &Context<'_>) -> Result<LearnerProfile> {
        let profile = profile(ctx).await?;
        Ok(LearnerProfile {
            software_background: profile.software.into(),
            hardware_background: profile.hardware.into(),
            interest_area: profile.interest.clone(),
        })
    }

    /// Kind of text for the caller: `advanced-robotics`, `beginner-friendly` or `intermediate`.
    #[graphql(guard = "Public", scope = "profile:read")]
    async fn content_level(&self, ctx: &Context<'_>) -> Result<&'static str> {
        Ok(profile(ctx).await?.content_level().name())
    }

    /// Kind of text for the caller, as a value of the schema.
    #[graphql(guard = "Public", scope = "profile:read")]
    async fn content_level_value(&self, ctx: &Context<'_>) -> Result<ContentLevel> {
        Ok(profile(ctx).await?.content_level())
    }
}

/// Queries for the caller.
#[derive(Default)]
pub struct LearnerQuery;

#[guarded(Query, domain = "profile")]
impl LearnerQuery {
    /// The caller. Requires a signed-in user.
    #[graphql(guard = "SignedIn", scope = "openid")]
    async fn me(&self, ctx: &Context<'_>) -> Result<Me> {
        Me::signed_in(ctx)
    }

    /// The caller. Null if no caller is signed in.
    #[graphql(guard = "Public", scope = "openid")]
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Me> {
        Me::of(ctx)
    }
}

/// The domain.
#[must_use]
pub fn domain() -> Domain {
    Domain::new("profile")
        .user_fields(USER_FIELDS)
        .owned::<learner::Entity>()
        .guarded_node_by_text::<Me>(Public, "openid")
        .request_data(|_, scope| ProfileOverrides::of(scope))
}
