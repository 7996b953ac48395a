//! Callers of the tests.

pub use hallpass::testing::User;

pub fn alice() -> User {
    user("alice")
}

pub fn bob() -> User {
    user("bob")
}

/// A user of the testing kit, who is a beginner.
pub fn user(name: &str) -> User {
    hallpass::testing::user(name).background("Beginner", "Beginner", "General")
}

/// A user with the fields of a learner.
pub trait Learner {
    /// Sets the backgrounds in software and hardware, and the interest.
    #[must_use]
    fn background(self, software: &str, hardware: &str, interest: &str) -> Self;
}

impl Learner for User {
    fn background(self, software: &str, hardware: &str, interest: &str) -> Self {
        self.with("softwareBackground", software)
            .with("hardwareBackground", hardware)
            .with("interestArea", interest)
    }
}
