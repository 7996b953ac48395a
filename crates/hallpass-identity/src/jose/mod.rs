//! JOSE: signed tokens (RFC 7515), keys (RFC 7517), encrypted tokens (RFC 7516), and Better Auth's secret.

pub(crate) mod better_auth_secret;
pub(crate) mod jwe;
pub(crate) mod jwk;
pub(crate) mod jws;
