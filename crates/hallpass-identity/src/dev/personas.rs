//! Personas: the predefined callers of development mode.

use serde_json::{Map, Value, json};

/// A predefined caller of development mode. An application declares its own in
/// [`IdentityConfig::personas`](crate::config::IdentityConfig::personas).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Persona {
    /// The name used on the command line.
    pub name: &'static str,
    /// The description in the help of the command line.
    pub help: &'static str,
    /// The display name.
    pub title: &'static str,
    /// A short description, displayed with the name.
    pub about: &'static str,
    /// The caller.
    pub caller: PersonaCaller,
}

/// The caller that a persona authenticates as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonaCaller {
    /// An anonymous caller, without a credential.
    Anonymous,
    /// A user.
    User(PersonaUser),
    /// A user, impersonated by an administrator.
    Impersonated {
        /// The user.
        user: PersonaUser,
        /// The id of the administrator.
        by: &'static str,
    },
    /// A service.
    Service {
        /// The id of its OAuth client.
        client_id: &'static str,
    },
}

/// The user of a persona.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonaUser {
    /// The id.
    pub id: &'static str,
    /// The name.
    pub name: &'static str,
    /// The e-mail address, which is verified.
    pub email: &'static str,
    /// The roles, comma-separated.
    pub role: &'static str,
    /// The tier; none for the lowest.
    pub tier: Option<&'static str>,
    /// Additional user fields: name and value.
    pub fields: &'static [(&'static str, &'static str)],
}

impl PersonaUser {
    /// Without an id, a name and an address, with the role `user` and the lowest tier: for
    /// `..PersonaUser::DEFAULT`.
    pub const DEFAULT: Self =
        Self { id: "", name: "", email: "", role: "user", tier: None, fields: &[] };
}

/// The personas of an application that declares none.
pub const PERSONAS: &[Persona] = &[
    Persona {
        name: "guest",
        help: "Not signed in",
        title: "Guest",
        about: "not signed in",
        caller: PersonaCaller::Anonymous,
    },
    Persona {
        name: "user",
        help: "A user",
        title: "User",
        about: "Uma: user",
        caller: PersonaCaller::User(PersonaUser {
            id: "persona-user",
            name: "Uma",
            email: "user@hallpass.test",
            ..PersonaUser::DEFAULT
        }),
    },
    Persona {
        name: "admin",
        help: "An administrator",
        title: "Admin",
        about: "Ada: admin",
        caller: PersonaCaller::User(PersonaUser {
            id: "persona-admin",
            name: "Ada",
            email: "admin@hallpass.test",
            role: "admin",
            ..PersonaUser::DEFAULT
        }),
    },
    Persona {
        name: "service",
        help: "A service",
        title: "Service",
        about: "a service, which owns no rows",
        caller: PersonaCaller::Service { client_id: "persona-service" },
    },
];

impl Persona {
    /// The claims of the token, as Better Auth's JWT plugin issues them, or its OAuth provider for a
    /// service; none for an anonymous persona.
    #[must_use]
    pub fn claims(&self) -> Option<Map<String, Value>> {
        let (user, impersonator) = match self.caller {
            PersonaCaller::Anonymous => return None,
            PersonaCaller::Service { client_id } => {
                return json!({ "sub": client_id, "client_id": client_id }).as_object().cloned();
            }
            PersonaCaller::User(user) => (user, None),
            PersonaCaller::Impersonated { user, by } => (user, Some(by)),
        };
        let PersonaUser { id, name, email, role, tier, fields } = user;
        let mut claims = json!({
            "sub": id, "id": id, "name": name, "email": email, "emailVerified": true, "role": role,
            "banned": false,
        });
        for (name, value) in fields {
            claims[*name] = (*value).into();
        }
        for (name, value) in [("tier", tier), ("impersonatedBy", impersonator)] {
            if let Some(value) = value {
                claims[name] = value.into();
            }
        }
        claims.as_object().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_the_standard_personas() {
        let claims = |name: &str| {
            let persona = PERSONAS.iter().find(|persona| persona.name == name).unwrap();
            persona.claims().map(Value::Object)
        };
        assert_eq!(claims("guest"), None);
        let service = json!({"sub": "persona-service", "client_id": "persona-service"});
        assert_eq!(claims("service"), Some(service));
        let admin = json!({
            "sub": "persona-admin", "id": "persona-admin", "name": "Ada", "role": "admin",
            "email": "admin@hallpass.test", "emailVerified": true, "banned": false,
        });
        assert_eq!(claims("admin"), Some(admin));
    }
}
