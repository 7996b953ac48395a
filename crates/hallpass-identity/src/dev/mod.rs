//! Development mode: token issuer and personas.

pub(crate) mod issuer;
pub(crate) mod personas;
