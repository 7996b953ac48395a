//! Development mode: token issuer and personas.

pub(crate) mod personas;
