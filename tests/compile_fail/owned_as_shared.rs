//! The door to everyone's rows does not open on owned ones.
use hallpass_data::Scope;
use hallpass_entity::task;

fn reach(scope: &Scope) {
    let _ = scope.shared::<task::Entity>();
}

fn main() {}
