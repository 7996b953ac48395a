//! The door through which shared tables are edited does not open on owned ones, whatever the proof.
use hallpass_data::{Privilege, Scope};
use hallpass_entity::task;

async fn write(scope: &Scope, proof: Privilege) {
    let _ = scope.shared_for_edit::<task::Entity>(proof);
    let _ = scope.all::<task::Entity>(proof).delete().await;
}

fn main() {}
