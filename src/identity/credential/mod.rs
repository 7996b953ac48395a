//! The credentials of a request: where they are read, when a cookie is accepted, and how long they are valid.

pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod extract;
pub(crate) mod presented;
pub(crate) mod watch;
