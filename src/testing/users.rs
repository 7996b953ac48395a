//! Who asks.

use serde_json::{Value, json};

use crate::identity::Persona;

/// A person with an account at the issuer.
#[derive(Clone, Debug)]
pub struct User {
    claims: Value,
}

/// A person called `name`, with nothing special about them: the role `user`, the tier `free`, a
/// beginner. Their id is `user-NAME`.
#[must_use]
pub fn user(name: &str) -> User {
    let claims = json!({
        "sub": format!("user-{name}"), "id": format!("user-{name}"), "name": name,
        "email": format!("{name}@example.test"), "emailVerified": true, "role": "user",
        "tier": "free", "banned": false, "banExpires": null,
        "softwareBackground": "Beginner", "hardwareBackground": "Beginner",
        "interestArea": "General",
    });
    User { claims }
}

/// A persona of development, as whom a domain can be tried by hand too; none for the guest.
#[must_use]
pub fn persona(persona: Persona) -> Option<User> {
    persona.claims().map(|claims| User { claims: Value::Object(claims) })
}

impl User {
    /// The same person, of whom the issuer says something else.
    #[must_use]
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    /// With these roles, comma-separated.
    #[must_use]
    pub fn role(self, roles: &str) -> Self {
        self.with("role", roles)
    }

    /// With this tier.
    #[must_use]
    pub fn tier(self, tier: &str) -> Self {
        self.with("tier", tier)
    }

    /// With a background in software and hardware, and an interest.
    #[must_use]
    pub fn background(self, software: &str, hardware: &str, interest: &str) -> Self {
        self.with("softwareBackground", software)
            .with("hardwareBackground", hardware)
            .with("interestArea", interest)
    }

    /// What the issuer says of them, without what it says in every token.
    #[must_use]
    pub fn claims(&self) -> Value {
        self.claims.clone()
    }

    /// The id at the issuer.
    ///
    /// # Panics
    /// When it was set to something other than text.
    #[must_use]
    pub fn id(&self) -> &str {
        self.claims["sub"].as_str().expect("a person's id is text")
    }
}
