//! Table `learner_profile`: profile overrides, owned by the learner. They take precedence over claims.

use sea_orm::entity::prelude::*;

use crate::level::Level;
use hallpass_data::{FromRow, Timestamp, UserId};

/// Profile overrides of a learner. For absent values, the claims of the auth server apply.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
#[sea_orm(table_name = "learner_profile")]
pub struct Model {
    /// User ID of the learner.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    /// Level in software.
    pub software_background: Option<Level>,
    /// Level in hardware.
    pub hardware_background: Option<Level>,
    /// Interest area.
    pub interest_area: Option<String>,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// No relations: queries cannot follow any.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

hallpass_data::owned!(OwnerId, owner_id);
