//! What others made public is theirs to change: only one's own rows are written.
use hallpass_data::{Scope, Update};
use hallpass_entity::task;

async fn write(scope: &Scope) {
    let _ = scope.public::<task::Entity>().delete().await;
    let _ = scope.readable::<task::Entity>().delete().await;
    let _ = scope.public::<task::Entity>().update(Update::set(Default::default())).await;
}

fn main() {}
