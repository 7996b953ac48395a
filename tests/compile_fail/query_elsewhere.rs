//! An owned query runs on its scope's connection and takes no other.
use hallpass_data::Scope;
use hallpass_entity::task;
use sea_orm::DatabaseConnection;

async fn elsewhere(scope: &Scope, other: &DatabaseConnection) {
    let mine = scope.owned::<task::Entity>().unwrap();
    let _ = mine.all(other).await;
}

fn main() {}
