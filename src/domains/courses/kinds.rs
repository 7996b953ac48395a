//! Type names of courses and chapters in the schema, as global ids contain them.

/// Type name in the global IDs of courses.
pub(crate) const COURSE: &str = "Course";
/// Type name in the global IDs of chapters.
pub(crate) const CHAPTER: &str = "Chapter";
