//! Rules, guards, the access table and the audit log.

pub mod audit;
mod can;
mod diff;
pub mod guards;
pub mod matrix;
mod oauth_scopes;
pub mod rules;
