//! What learners say of themselves, in place of what the auth server says of them.

use sea_orm::entity::prelude::*;

use crate::level::Level;
use crate::{Timestamp, UserId};

/// One learner's words. What is absent is left to the auth server.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "learner_profile")]
pub struct Model {
    /// The learner.
    #[sea_orm(primary_key, auto_increment = false)]
    pub owner_id: UserId,
    /// Experience with software.
    pub software_background: Option<Level>,
    /// Experience with hardware.
    pub hardware_background: Option<Level>,
    /// What they want to learn about.
    pub interest_area: Option<String>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// None that a query may follow.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::owned!(OwnerId, owner_id);
