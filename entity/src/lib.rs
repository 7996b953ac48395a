//! The tables of the shipped domains: tasks, courses and learners.
//!
//! A table is one file: its columns, and one policy macro of [`hallpass_data`]. Its domain registers a table with an
//! owner; its migration gives it the policies of row-level security.

mod id;

pub mod chapter;
#[cfg(doctest)]
pub mod compile_fail;
#[cfg(doctest)]
pub mod compile_fail_tenants;
pub mod course;
pub mod interest;
pub mod learner;
pub mod level;
pub mod progress;
pub mod task;
pub mod task_tag;
pub mod variant;

pub use id::{ChapterId, CourseId, TaskId, TaskTagId, VariantId};
