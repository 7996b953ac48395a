//! The kinds of events of courses.

use hallpass::events::EventKind;

/// Events of the caller's progress: the ID is that of the chapter.
pub(crate) const PROGRESS_EVENTS: EventKind = EventKind::new("progress");

/// Events for every caller, of a chapter that is published.
pub(crate) const PUBLISHED_CHAPTER: EventKind = EventKind::new("published_chapter");

/// Events for every caller, of a course that is published, and with it those of its chapters that are.
pub(crate) const PUBLISHED_COURSE: EventKind = EventKind::new("published_course");
