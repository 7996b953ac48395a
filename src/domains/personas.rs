//! Personas of the shipped server: learners of each tier, an editor, an administrator, a service.

use hallpass::identity::PersonaCaller::{Anonymous, Impersonated, Service, User};
use hallpass::identity::{Persona, PersonaUser};

/// Every persona.
pub const PERSONAS: &[Persona] = &[
    Persona {
        name: "guest",
        help: "Not signed in",
        title: "Guest",
        about: "not signed in",
        caller: Anonymous,
    },
    Persona {
        name: "free",
        help: "A beginner without a subscription",
        title: "Free learner",
        about: "Fay: user, free, Beginner in software, General",
        caller: User(FAY),
    },
    Persona {
        name: "premium",
        help: "A paying learner: Advanced, Robotics",
        title: "Premium learner",
        about: "Priya: user, premium, Advanced in software, Robotics",
        caller: User(PersonaUser {
            id: "persona-premium",
            name: "Priya",
            email: "premium@hallpass.test",
            tier: Some("premium"),
            fields: &[
                ("softwareBackground", "Advanced"),
                ("hardwareBackground", "Beginner"),
                ("interestArea", "Robotics"),
            ],
            ..PersonaUser::DEFAULT
        }),
    },
    Persona {
        name: "enterprise",
        help: "A learner with the highest tier",
        title: "Enterprise learner",
        about: "Enzo: user, enterprise, Intermediate in software, AI",
        caller: User(PersonaUser {
            id: "persona-enterprise",
            name: "Enzo",
            email: "enterprise@hallpass.test",
            tier: Some("enterprise"),
            fields: &[
                ("softwareBackground", "Intermediate"),
                ("hardwareBackground", "Beginner"),
                ("interestArea", "AI"),
            ],
            ..PersonaUser::DEFAULT
        }),
    },
    Persona {
        name: "editor",
        help: "A course editor",
        title: "Editor",
        about: "Edda: editor, free, Intermediate in software, Web",
        caller: User(PersonaUser {
            id: "persona-editor",
            name: "Edda",
            email: "editor@hallpass.test",
            role: "editor",
            tier: Some("free"),
            fields: &[
                ("softwareBackground", "Intermediate"),
                ("hardwareBackground", "Intermediate"),
                ("interestArea", "Web"),
            ],
        }),
    },
    Persona {
        name: "admin",
        help: "An administrator",
        title: "Admin",
        about: "Ada: admin, enterprise, Intermediate in software, AI",
        caller: User(PersonaUser {
            id: "persona-admin",
            name: "Ada",
            email: "admin@hallpass.test",
            role: "admin",
            tier: Some("enterprise"),
            fields: &[
                ("softwareBackground", "Intermediate"),
                ("hardwareBackground", "Advanced"),
                ("interestArea", "AI"),
            ],
        }),
    },
    Persona {
        name: "impersonated",
        help: "The free learner, impersonated by the admin",
        title: "Impersonated learner",
        about: "Fay, impersonated by the admin Ada",
        caller: Impersonated {
            user: PersonaUser { email: "impersonated@hallpass.test", ..FAY },
            by: "persona-admin",
        },
    },
    Persona {
        name: "service",
        help: "A service",
        title: "Service",
        about: "a service, which owns no rows",
        caller: Service { client_id: "persona-service" },
    },
];

const FAY: PersonaUser = PersonaUser {
    id: "persona-free",
    name: "Fay",
    email: "free@hallpass.test",
    role: "user",
    tier: Some("free"),
    fields: &[
        ("softwareBackground", "Beginner"),
        ("hardwareBackground", "Beginner"),
        ("interestArea", "General"),
    ],
};
