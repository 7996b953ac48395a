//! The shipped domains.

pub mod analytics;
pub mod courses;
pub mod learners;
pub mod personas;
pub mod tasks;
