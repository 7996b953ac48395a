//! A table has one policy.
use hallpass_data::{Filter, owned, shared};

mod note {
    use hallpass_data::UserId;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub owner_id: UserId,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    super::owned!(OwnerId, owner_id);
    super::shared!(super::Filter::all());
}

fn main() {}
