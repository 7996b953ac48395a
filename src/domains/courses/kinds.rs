//! Type names of courses and chapters in the schema, as global ids contain them, and the kind of their events.

use hallpass::events::EventKind;

/// Type name in the global IDs of courses.
pub(crate) const COURSE: &str = "Course";
/// Type name in the global IDs of chapters.
pub(crate) const CHAPTER: &str = "Chapter";
/// Events of the caller's progress: the ID is that of the chapter.
pub(crate) const PROGRESS_EVENTS: EventKind = EventKind::new("progress");
