//! The server's own rows are behind no door but the one to everyone's.
use hallpass_data::{Scope, known_user};

fn reach(scope: &Scope) {
    let _ = scope.owned::<known_user::Entity>();
    let _ = scope.shared::<known_user::Entity>();
}

fn main() {}
