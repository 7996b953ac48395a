//! Neither has an update.
use hallpass_data::Scope;
use hallpass_entity::task;
use sea_orm::EntityTrait as _;

async fn everyones(scope: &Scope) {
    let _ = task::Entity::update_many().exec(scope).await;
}

fn main() {}
