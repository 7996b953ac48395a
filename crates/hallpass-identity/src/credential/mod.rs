//! Credentials of a request: extraction, CSRF policy for cookies, and revalidation on long-lived connections.

pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod expected_user;
pub(crate) mod extract;
pub(crate) mod presented;
pub(crate) mod watch;
