//! Domains of the shipped server: tasks, courses, learners, users, analytics.

pub mod analytics;
pub mod courses;
pub mod learners;
pub mod tasks;
pub mod users;
