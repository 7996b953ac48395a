//! Development mode's own token issuer and its personas.

pub(crate) mod personas;
