//! The shipped domains.

pub mod analytics;
pub mod courses;
pub mod events;
pub mod learners;
mod payload;
pub mod personas;
pub mod tasks;
