//! Users for tests: the claims that the issuer signs.

use serde_json::{Value, json};

use hallpass_identity::Persona;

/// A user at the issuer.
#[derive(Clone, Debug)]
pub struct User {
    claims: Value,
}

/// A user called `name` with the id `user-NAME`, the role `user` and the tier `free`.
///
/// ```
/// use hallpass::testing::user;
///
/// let ann = user("ann").role("editor").with("activeOrganizationId", "acme");
/// assert_eq!(ann.id(), "user-ann");
/// assert_eq!(ann.claims()["role"], "editor");
/// ```
#[must_use]
pub fn user(name: &str) -> User {
    let claims = json!({
        "sub": format!("user-{name}"), "id": format!("user-{name}"), "name": name,
        "email": format!("{name}@example.test"), "emailVerified": true, "role": "user",
        "tier": "free", "banned": false, "banExpires": null,
    });
    User { claims }
}

/// The user of a development persona; `None` for an anonymous one.
#[must_use]
pub fn persona(persona: &Persona) -> Option<User> {
    persona.claims().map(|claims| User { claims: Value::Object(claims) })
}

impl User {
    /// Sets a claim.
    #[must_use]
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    /// Sets the roles, comma-separated.
    #[must_use]
    pub fn role(self, roles: &str) -> Self {
        self.with("role", roles)
    }

    /// Sets the tier.
    #[must_use]
    pub fn tier(self, tier: &str) -> Self {
        self.with("tier", tier)
    }

    /// The claims, without those that the issuer adds to every token.
    #[must_use]
    pub fn claims(&self) -> Value {
        self.claims.clone()
    }

    /// The user id.
    ///
    /// # Panics
    /// If the claim `sub` was set to something other than a string.
    #[must_use]
    pub fn id(&self) -> &str {
        self.claims["sub"].as_str().expect("`sub` is a string")
    }
}
