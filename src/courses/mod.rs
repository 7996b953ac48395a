//! Courses: chapters that each reader gets in the form that suits them.

mod content;
mod demo;
mod loaders;
pub mod personalize;
mod query;
mod types;
mod viewer;

pub use content::ContentError;
pub use demo::{DemoError, load_demo, load_demo_progress};
pub use loaders::{Loaders, loaders};
pub use query::{CourseQuery, chapter_node, course_node};
pub use types::{Chapter, ChapterFields, Course, CourseFields};
pub use viewer::{EDIT, READ, may};
