//! Callers of the tests.

pub use hallpass::testing::{User, user};

pub fn alice() -> User {
    user("alice")
}

pub fn bob() -> User {
    user("bob")
}
