//! Neither has a deletion.
use hallpass_data::Scope;
use hallpass_entity::task;
use sea_orm::EntityTrait as _;

async fn everyones(scope: &Scope) {
    let _ = task::Entity::delete_many().exec(scope).await;
}

fn main() {}
