//! Row ids, one type for each table.

hallpass_data::row_id! {
    /// The id of a task.
    TaskId;
    /// The id of a tag on a task.
    TaskTagId;
    /// The id of a course.
    CourseId;
    /// The id of a chapter.
    ChapterId;
    /// The id of a variant of a chapter.
    VariantId;
}
