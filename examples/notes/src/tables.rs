//! Tables `note` and `note_tag`.

hallpass::data::row_id! {
    /// The id of a note.
    NoteId;
    /// The id of a tag of a note.
    NoteTagId;
}

/// Notes.
pub mod note {
    use hallpass::data::{FromRow, Timestamp, UserId, owned, without_relations};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: super::NoteId,
        pub owner_id: UserId,
        pub text: String,
        pub created_at: Timestamp,
    }

    without_relations!();
    owned!(OwnerId, owner_id);
}

/// Tags of notes.
pub mod note_tag {
    use hallpass::data::{ChildOf, FromRow, UserId, owned, without_relations};
    use sea_orm::entity::prelude::*;

    use super::note;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FromRow)]
    #[sea_orm(table_name = "note_tag")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: super::NoteTagId,
        pub note_id: super::NoteId,
        pub owner_id: UserId,
        pub tag: String,
    }

    without_relations!();
    owned!(OwnerId, owner_id);

    impl ChildOf<note::Entity> for Entity {
        const FOREIGN_KEYS: &'static [(Column, note::Column)] =
            &[(Column::NoteId, note::Column::Id)];
    }
}
