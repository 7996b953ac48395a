//! Courses: chapters with text variants, personalized for each reader.

mod content;
mod demo;
mod editing;
mod html;
mod kinds;
mod loaders;
mod markdown;
mod mutation;
pub(crate) mod permissions;
pub mod personalize;
mod query;
mod recommend;
mod subscription;
mod types;
mod viewer;
pub(crate) mod visible_courses;

pub use content::ContentError;
pub use demo::{DemoError, has_demo, load_demo, load_demo_progress};
pub use editing::EditingMutation;
pub use html::HtmlCache;
pub use loaders::Loaders;
pub use mutation::ReadingMutation;
pub use permissions::may;
pub use query::{CourseQuery, chapter_node, course_node};
pub use subscription::ReadingSubscription;
pub use types::{Chapter, ChapterFields, Course, CourseFields};
pub use viewer::{EDIT, READ};
pub use visible_courses::VisibleCourses;
