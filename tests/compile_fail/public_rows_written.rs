//! What others made public is theirs to change: only one's own rows are written.
use hallpass_entity::{Change, Scope, task};

async fn write(scope: &Scope) {
    let _ = scope.public::<task::Entity>().delete().await;
    let _ = scope.readable::<task::Entity>().delete().await;
    let _ = scope.public::<task::Entity>().update(Change::to(Default::default())).await;
}

fn main() {}
