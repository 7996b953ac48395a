//! The domains that ship with the server.

pub mod analytics;
pub mod courses;
pub mod learners;
pub mod tasks;
pub mod users;
