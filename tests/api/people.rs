//! Who asks.

pub use hallpass::testing::{Person, person};

pub fn alice() -> Person {
    person("alice")
}

pub fn bob() -> Person {
    person("bob")
}
