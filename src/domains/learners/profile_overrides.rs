//! What learners say of themselves. It counts more than what the auth server says of them.

use async_graphql::{Context, InputObject, MaybeUndefined, Object};
use hallpass_entity::{Error, Scope, Set, learner, now};
use tokio::sync::Mutex;

use super::{Level, Me};
use crate::access::{ONESELF, guarded, semantic_non_null};
use crate::graphql::{ContextExt as _, Result, Validator};

/// No interest area is longer, in characters.
const LONGEST_INTEREST: usize = 100;

/// What the caller says of themselves: read when first asked for, and once for the whole request.
pub struct ProfileOverrides {
    scope: Scope,
    known: Mutex<Option<Option<learner::Model>>>,
}

impl ProfileOverrides {
    /// What the caller of `scope` says of themselves. Nothing is read yet.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        Self { scope: scope.clone(), known: Mutex::default() }
    }

    /// Their words; none of who never said anything, or owns nothing.
    pub(crate) async fn read(&self) -> std::result::Result<Option<learner::Model>, Error> {
        if self.scope.owner().is_none() {
            return Ok(None);
        }
        let mut known = self.known.lock().await;
        if let Some(words) = &*known {
            return Ok(words.clone());
        }
        let words = self.scope.owned::<learner::Entity>()?.one().await?;
        *known = Some(words.clone());
        Ok(words)
    }

    async fn write(&self, words: ProfileInput) -> std::result::Result<(), Error> {
        if words.columns.is_empty() {
            return Ok(());
        }
        let row = self.scope.upsert::<learner::Entity>(words.row, words.columns).await?;
        *self.known.lock().await = Some(Some(row));
        Ok(())
    }
}

/// What the caller says of themselves. What is left out stays as it is; null leaves it to the auth
/// server again.
#[derive(Clone, Debug, InputObject)]
pub struct LearnerProfileInput {
    /// Experience with software.
    pub software_background: MaybeUndefined<Level>,
    /// Experience with hardware.
    pub hardware_background: MaybeUndefined<Level>,
    /// What they want to learn about: 1 to 100 characters.
    pub interest_area: MaybeUndefined<String>,
}

/// Checked values, and the columns that they are for.
struct ProfileInput {
    row: learner::ActiveModel,
    columns: Vec<learner::Column>,
}

impl LearnerProfileInput {
    fn check(self) -> Result<ProfileInput> {
        use learner::Column::{HardwareBackground, InterestArea, SoftwareBackground, UpdatedAt};
        let mut checks = Validator::default();
        let interest = self
            .interest_area
            .map_value(|text| checks.text("input.interestArea", &text, 1, LONGEST_INTEREST));
        checks.finish()?;
        let mut row = learner::ActiveModel { updated_at: Set(now()), ..Default::default() };
        let mut columns = Vec::new();
        if let Some(level) = said(self.software_background) {
            row.software_background = Set(level.map(Level::into));
            columns.push(SoftwareBackground);
        }
        if let Some(level) = said(self.hardware_background) {
            row.hardware_background = Set(level.map(Level::into));
            columns.push(HardwareBackground);
        }
        if let Some(interest) = said(interest) {
            row.interest_area = Set(interest);
            columns.push(InterestArea);
        }
        if !columns.is_empty() {
            columns.push(UpdatedAt);
        }
        Ok(ProfileInput { row, columns })
    }
}

fn said<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    value.into()
}

/// The mutations of the caller's profile.
#[derive(Default)]
pub struct LearnerMutation;

#[guarded(Mutation, domain = "profile")]
#[Object]
impl LearnerMutation {
    /// Changes what the caller says of themselves. It counts more than what the auth server says.
    #[graphql(guard = "ONESELF", directive = semantic_non_null::apply())]
    async fn update_learner_profile<'ctx>(
        &self,
        ctx: &Context<'ctx>,
        input: LearnerProfileInput,
    ) -> Result<Option<Me<'ctx>>> {
        ctx.data_unchecked::<ProfileOverrides>().write(input.check()?).await?;
        Ok(ctx.caller().map(Me::from))
    }
}
