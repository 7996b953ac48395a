//! Only the database makes a scope.
use hallpass_entity::Scope;

fn forge(scope: Scope) -> Scope {
    Scope { owner: None, ..scope }
}

fn main() {}
