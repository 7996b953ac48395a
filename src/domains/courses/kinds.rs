//! The kind of events of courses.

use hallpass::events::EventKind;

/// Events of the caller's progress: the ID is that of the chapter.
pub(crate) const PROGRESS_EVENTS: EventKind = EventKind::new("progress");
