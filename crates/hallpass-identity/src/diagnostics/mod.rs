//! Diagnosis for `hallpass doctor`: inspects a credential, and probes the auth server.

pub(crate) mod address;
pub(crate) mod inspect;
pub(crate) mod probe;
pub(crate) mod secret_hint;
