//! The caller, and what an application declares about callers: what domains use of the identity crate.

pub use hallpass_identity::{
    AuthMethod, AuthRejection, Caller, CallerKind, Named, PERSONAS, Persona, PersonaCaller,
    PersonaUser, RequireRole, RequireTier, Tiers, UserField,
};
