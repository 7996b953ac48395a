//! Only a rule that was met opens the doors to everyone's rows.
use hallpass_data::{Privilege, Scope, known_user};

fn reach(scope: &Scope) {
    let _ = scope.all::<known_user::Entity>(Privilege(()));
}

fn main() {}
