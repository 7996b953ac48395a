//! Profile overrides: background and interest set by the learner. They take precedence over claims.

use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined};
use hallpass::data::{Error, Scope, Set, now};
use hallpass_entity::learner;
use tokio::sync::Mutex;

use super::{Level, Me, Profile};
use crate::domains::payload::payload;
use hallpass::access::{NOT_IMPERSONATED, guarded};
use hallpass::graphql::{
    Begun, Constrained, Constraint, ContextExt as _, Execution, Result, Validator,
};

const INTEREST: Constraint<'_> = Constraint::text(1, 100);

/// The caller's profile overrides: read lazily, once per request, and applied once.
pub struct ProfileOverrides {
    scope: Scope,
    /// The profile with the overrides.
    cached: Mutex<Option<Arc<Profile>>>,
}

impl ProfileOverrides {
    /// Creates the overrides of the caller of `scope`. Reads nothing yet.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        Self { scope: scope.clone(), cached: Mutex::default() }
    }

    /// The profile of the caller: that of their `claims`, with the overrides.
    pub(super) async fn profile(
        &self,
        claims: impl FnOnce() -> Profile,
    ) -> std::result::Result<Arc<Profile>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some(profile) = &*cached {
            return Ok(Arc::clone(profile));
        }
        let profile = Arc::new(match self.read().await? {
            Some(overrides) => claims().with_overrides(overrides),
            None => claims(),
        });
        *cached = Some(Arc::clone(&profile));
        Ok(profile)
    }

    /// The overrides. None for a caller who set none, or who cannot own rows.
    async fn read(&self) -> std::result::Result<Option<learner::Model>, Error> {
        match self.scope.owner() {
            Some(_) => self.scope.owned::<learner::Entity>()?.one().await,
            None => Ok(None),
        }
    }

    /// Caches the profile with overrides that were written.
    async fn written(&self, claims: Profile, row: learner::Model) {
        *self.cached.lock().await = Some(Arc::new(claims.with_overrides(row)));
    }
}

/// Profile overrides. Omitted fields keep their value. Null restores the value of the auth server.
#[derive(Clone, Debug, InputObject)]
pub struct LearnerProfileInput {
    /// Level in software.
    pub software_background: MaybeUndefined<Level>,
    /// Level in hardware.
    pub hardware_background: MaybeUndefined<Level>,
    /// Interest area, 1 to 100 characters.
    #[graphql(directive = Constrained::apply(INTEREST))]
    pub interest_area: MaybeUndefined<String>,
}

/// Validated values, and the columns to write.
struct ProfileInput {
    row: learner::ActiveModel,
    columns: Vec<learner::Column>,
}

impl LearnerProfileInput {
    fn check(self) -> Result<ProfileInput> {
        use learner::Column::{HardwareBackground, InterestArea, SoftwareBackground, UpdatedAt};
        let mut validator = Validator::default();
        let interest = self
            .interest_area
            .map_value(|text| validator.text("input.interestArea", &text, &INTEREST));
        validator.finish()?;
        let mut row = learner::ActiveModel { updated_at: Set(now()), ..Default::default() };
        let mut columns = Vec::new();
        if let Some(level) = given(self.software_background) {
            row.software_background = Set(level.map(Level::into));
            columns.push(SoftwareBackground);
        }
        if let Some(level) = given(self.hardware_background) {
            row.hardware_background = Set(level.map(Level::into));
            columns.push(HardwareBackground);
        }
        if let Some(interest) = given(interest) {
            row.interest_area = Set(interest);
            columns.push(InterestArea);
        }
        if !columns.is_empty() {
            columns.push(UpdatedAt);
        }
        Ok(ProfileInput { row, columns })
    }
}

fn given<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    value.into()
}

payload! {
    /// The payload of `updateLearnerProfile`.
    UpdateLearnerProfilePayload(Me) {
        /// The caller.
        async fn me(&self) -> &Me {
            &self.0
        }
    }
}

/// Mutations of the caller's profile.
#[derive(Default)]
pub struct LearnerMutation;

#[guarded(Mutation, domain = "profile")]
impl LearnerMutation {
    /// Changes the profile overrides of the caller. They take precedence over the claims of the auth server.
    #[graphql(guard = "NOT_IMPERSONATED")]
    async fn update_learner_profile(
        &self,
        ctx: &Context<'_>,
        input: LearnerProfileInput,
    ) -> Result<UpdateLearnerProfilePayload> {
        let ProfileInput { row, columns } = input.check()?;
        if let Begun::First(writes) = Execution::statement().begin(ctx).await? {
            let written = match columns.is_empty() {
                true => None,
                false => Some(writes.upsert::<learner::Entity>(row, columns).await?),
            };
            writes.commit().await?;
            if let Some(row) = written {
                let claims = super::claims(ctx);
                ctx.request_data::<ProfileOverrides>().written(claims, row).await;
            }
        }
        Me::signed_in(ctx).map(UpdateLearnerProfilePayload)
    }
}
