//! Who asks.

use serde_json::{Value, json};

/// Somebody with an account at the tests' issuer.
#[derive(Clone)]
pub struct Person {
    claims: Value,
}

/// Somebody called `name`, with nothing special about them.
pub fn person(name: &str) -> Person {
    let claims = json!({
        "sub": format!("user-{name}"), "id": format!("user-{name}"), "name": name,
        "email": format!("{name}@example.test"), "emailVerified": true, "role": "user",
        "tier": "free", "banned": false, "banExpires": null,
        "softwareBackground": "Beginner", "hardwareBackground": "Beginner",
        "interestArea": "General",
    });
    Person { claims }
}

pub fn alice() -> Person {
    person("alice")
}

pub fn bob() -> Person {
    person("bob")
}

impl Person {
    /// The same person, of whom the issuer says something else.
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    pub fn tier(self, tier: &str) -> Self {
        self.with("tier", tier)
    }

    /// With a background in software and hardware, and an interest.
    pub fn background(self, software: &str, hardware: &str, interest: &str) -> Self {
        self.with("softwareBackground", software)
            .with("hardwareBackground", hardware)
            .with("interestArea", interest)
    }

    /// What the issuer says of them, without what it says in every token.
    pub fn claims(&self) -> Value {
        self.claims.clone()
    }

    /// The id at the issuer.
    pub fn id(&self) -> &str {
        self.claims["sub"].as_str().unwrap()
    }
}
