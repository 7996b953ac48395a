//! Courses: chapters with text variants, personalized for each reader.

mod content;
mod current;
mod demo;
mod editing;
mod filters;
mod html;
mod kinds;
mod loaders;
mod markdown;
mod mutation;
mod objects;
mod outline;
mod payloads;
pub(crate) mod permissions;
pub mod personalize;
mod query;
mod recommend;
pub(crate) mod rules;
mod subscription;
mod types;
mod viewer;
pub(crate) mod visible_courses;

pub use content::ContentError;
use std::sync::Arc;
use std::time::Duration;

use hallpass::Domain;
use hallpass_entity::progress;

pub use editing::EditingMutation;
pub use html::HtmlCache;
pub use loaders::Loaders;
pub use mutation::ReadingMutation;
pub use query::CourseQuery;
pub use rules::{CHAPTER_READER, COURSE_EDITOR};
pub use subscription::{CourseSubscription, ProgressEvent, ReadingSubscription};
pub use types::{Chapter, ChapterVariant, Course};
pub use visible_courses::VisibleCourses;

/// How long caches reuse what every reader sees.
const PUBLISHED: Duration = Duration::from_secs(30);

/// The domain.
#[must_use]
pub fn domain() -> Domain {
    let html = Arc::<HtmlCache>::default();
    Domain::new("courses")
        .owned::<progress::Entity>()
        .node::<Course>()
        .node::<Chapter>()
        .guarded_node::<ChapterVariant>(COURSE_EDITOR)
        .action("READ_CHAPTER", "Read a chapter's text.", permissions::may_read)
        .action("EDIT_CHAPTER", "Change a chapter.", permissions::may_edit)
        .request_data(VisibleCourses::new)
        .request_data(Loaders::new)
        .request_data(move |_, _| Arc::clone(&html))
        .field_cost("summary", 5)
        .field_cost("body", 30)
        .field_cost("bodyHtml", 60)
        .field_cost("recommendations", 200)
        .list_length("variants", 3)
        .cached_publicly("courses", PUBLISHED)
        .cached_publicly("course", PUBLISHED)
        .cached_publicly("chapters", PUBLISHED)
        .cached_publicly("chapter", PUBLISHED)
        .demo(demo::DemoCourses)
        .large_bodies_for(COURSE_EDITOR)
}
