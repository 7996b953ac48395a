//! A finder of SeaORM's own has no connection to run on.
use hallpass_data::Scope;
use hallpass_entity::task;
use sea_orm::EntityTrait as _;

async fn everyones(scope: &Scope) {
    let _ = task::Entity::find().all(scope).await;
}

fn main() {}
