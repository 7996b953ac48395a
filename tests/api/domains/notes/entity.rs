//! The rows of the worked example: `entity/src/note.rs`.

use hallpass_data::{Timestamp, UserId, owned};
use sea_orm::entity::prelude::*;

hallpass_data::row_id! {
    /// The id of a note.
    NoteId;
}

// ---
/// One note.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "note")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NoteId,
    /// User ID of the owner.
    pub owner_id: UserId,
    /// Text.
    pub text: String,
    /// Creation time.
    pub created_at: Timestamp,
}

/// No relations: queries cannot follow any.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

owned!(OwnerId, owner_id);
