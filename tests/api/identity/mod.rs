//! Authentication: credentials, keys, and the auth server's responses and pushes.

mod api_keys;
mod axum_rest;
mod cookie_cache;
mod cookie_cache_forged;
pub mod cookies;
mod credential_expiry;
mod credentials;
mod discovery;
mod get_session_responses;
mod guests;
mod introspection;
pub mod jwks;
mod jwks_rotation;
pub mod jwt;
mod jwt_subject;
pub mod oauth;
mod resilience;
pub mod revocation;
mod revocation_push;
pub mod service_callers;
mod sessions;
mod step_up;
mod stored_keys;
mod token_confusion;
