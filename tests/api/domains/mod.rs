//! The domains, through the GraphQL API.

pub mod activity;
mod analytics;
pub mod course_drafts;
pub mod course_editing;
pub mod courses;
mod due_days;
mod known_users;
pub mod learners;
mod progress;
pub mod screens;
pub mod tasks;
mod users;
