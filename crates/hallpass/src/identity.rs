//! The caller, and what an application declares about callers: what domains use of the identity crate.

pub use hallpass_identity::{
    AuthMethod, Caller, CallerKind, PERSONAS, Persona, PersonaCaller, PersonaUser, Tiers, UserField,
};
