//! A table that does not say whose its rows are is reached through no door.
use hallpass_data::Scope;

mod note {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn reach(scope: &Scope) {
    let _ = scope.owned::<note::Entity>();
    let _ = scope.shared::<note::Entity>();
}

fn main() {}
