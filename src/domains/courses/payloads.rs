//! The payloads of course and reading mutations.

use async_graphql::Context;
use hallpass_entity::ChapterId;

use super::outline::visible_chapter;
use super::types::{Chapter, ChapterProgress, ChapterVariant, Course};
use crate::domains::payload::payload;
use hallpass::access::Rule::Public;
use hallpass::access::guarded;
use hallpass::graphql::{Id, Result};

/// Declares the payload of a mutation of a course.
macro_rules! course_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload! {
            $(#[$doc])*
            $name(Course) {
                /// The course.
                async fn course(&self) -> &Course {
                    &self.0
                }
            }
        }
    };
}

/// Declares the payload of a mutation of a chapter.
macro_rules! chapter_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload! {
            $(#[$doc])*
            $name(Chapter) {
                /// The chapter.
                async fn chapter(&self) -> &Chapter {
                    &self.0
                }
            }
        }
    };
}

course_payload! {
    /// The payload of `createCourse`.
    CreateCoursePayload
}

course_payload! {
    /// The payload of `updateCourse`.
    UpdateCoursePayload
}

course_payload! {
    /// The payload of `publishCourse`.
    PublishCoursePayload
}

payload! {
    /// The payload of `deleteCourse`.
    DeleteCoursePayload(Id<Course>) {
        /// Global ID of the deleted course.
        async fn deleted_course_id(&self) -> &Id<Course> {
            &self.0
        }
    }
}

chapter_payload! {
    /// The payload of `createChapter`.
    CreateChapterPayload
}

chapter_payload! {
    /// The payload of `updateChapter`.
    UpdateChapterPayload
}

chapter_payload! {
    /// The payload of `publishChapter`.
    PublishChapterPayload
}

payload! {
    /// The payload of `deleteChapter`.
    DeleteChapterPayload(Id<Chapter>) {
        /// Global ID of the deleted chapter.
        async fn deleted_chapter_id(&self) -> &Id<Chapter> {
            &self.0
        }
    }
}

/// A saved variant, and its chapter.
pub struct SavedVariant {
    pub(super) variant: ChapterVariant,
    pub(super) chapter: ChapterId,
}

payload! {
    /// The payload of `saveChapterVariant`.
    SaveChapterVariantPayload(SavedVariant) {
        /// The saved variant.
        async fn variant(&self) -> &ChapterVariant {
            &self.0.variant
        }

        /// The chapter.
        #[graphql(guard = "Public", scope = "courses:read")]
        async fn chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
            visible_chapter(ctx, self.0.chapter, "SaveChapterVariantPayload.chapter").await
        }
    }
}

/// Recorded progress, and its chapter.
pub struct Recorded {
    pub(super) progress: ChapterProgress,
    pub(super) chapter: Chapter,
}

payload! {
    /// The payload of `recordProgress`.
    RecordProgressPayload(Recorded) {
        /// The stored progress.
        async fn progress(&self) -> &ChapterProgress {
            &self.0.progress
        }

        /// The chapter.
        #[graphql(guard = "Public", scope = "courses:read")]
        async fn chapter(&self) -> &Chapter {
            &self.0.chapter
        }
    }
}

chapter_payload! {
    /// The payload of `bookmarkChapter`.
    BookmarkChapterPayload
}
