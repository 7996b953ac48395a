//! Batch loaders for chapters: course, variants, texts and progress, one statement each per request.

use std::sync::Arc;

use async_graphql::Context;
use hallpass::data::{Comparison as _, Error, KeyMap, Scope, SharedText, Timestamp};
use hallpass_entity::level::Level;
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, course, progress, variant};

use super::objects::Chapter;
use super::outline::{BegunLoader, OutlineLoader};
use super::visible_courses::{VisibleCourses, record_draft, visible_courses};
use hallpass::access::RequestAuth;
use hallpass::graphql::{
    BatchLoader, ContextExt as _, Id, LoadResult, Loader, Result as GraphQlResult,
};

/// The loaders of one request.
pub struct Loaders {
    pub(crate) courses: BatchLoader<CourseLoader>,
    pub(crate) chapters: BatchLoader<ChapterLoader>,
    pub(crate) variants: BatchLoader<VariantLoader>,
    pub(crate) bodies: BatchLoader<BodyLoader>,
    pub(crate) progress: BatchLoader<ProgressLoader>,
    pub(crate) outlines: BatchLoader<OutlineLoader>,
    pub(crate) begun: BatchLoader<BegunLoader>,
}

impl Loaders {
    /// The loaders for the caller of `scope`.
    #[must_use]
    pub fn new(auth: &RequestAuth, scope: &Scope) -> Self {
        let visible = VisibleCourses::new(auth, scope);
        Self {
            courses: BatchLoader::new(CourseLoader(visible.clone())),
            chapters: BatchLoader::new(ChapterLoader(visible.clone())),
            variants: BatchLoader::new(VariantLoader(visible.clone())),
            bodies: BatchLoader::new(BodyLoader(visible.clone())),
            outlines: BatchLoader::new(OutlineLoader(visible)),
            progress: BatchLoader::new(ProgressLoader(scope.clone())),
            begun: BatchLoader::new(BegunLoader(scope.clone())),
        }
    }
}

/// Audits one chapter that the caller reads at `field`, if it or its course is a draft.
///
/// # Errors
/// When the database is unavailable.
pub(crate) async fn record_chapter(
    ctx: &Context<'_>,
    field: &str,
    chapter: &chapter::Model,
) -> GraphQlResult<()> {
    let courses = &ctx.request_data::<Loaders>().courses;
    let is_draft = match chapter.published && visible_courses(ctx).includes_drafts() {
        true => courses.load_one(chapter.course_id).await?.is_some_and(|it| !it.published),
        false => !chapter.published,
    };
    if is_draft {
        record_draft(ctx, field, Id::<Chapter>::new(chapter.id));
    }
    Ok(())
}

/// Loads courses.
pub(crate) struct CourseLoader(VisibleCourses);

impl Loader for CourseLoader {
    type Key = CourseId;
    type Value = course::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[CourseId]) -> LoadResult<Self> {
        let these = course::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.rows::<course::Entity>().filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Loads chapters.
pub(crate) struct ChapterLoader(VisibleCourses);

impl Loader for ChapterLoader {
    type Key = ChapterId;
    type Value = chapter::Model;
    type Error = Arc<Error>;

    async fn load(&self, ids: &[ChapterId]) -> LoadResult<Self> {
        let these = chapter::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.rows::<chapter::Entity>().filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// A variant of a chapter, without its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VariantHead {
    pub(crate) id: VariantId,
    pub(crate) level: Level,
    pub(crate) hardware: Level,
    pub(crate) updated_at: Timestamp,
}

/// Loads the variants of chapters, without their texts.
pub(crate) struct VariantLoader(VisibleCourses);

impl Loader for VariantLoader {
    type Key = ChapterId;
    type Value = Vec<VariantHead>;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> LoadResult<Self> {
        use variant::Column::{ChapterId as Of, Hardware, Id, Level as Software, UpdatedAt};
        type Row = (VariantId, Level, Level, Timestamp);
        let columns = [Id, Software, Hardware, UpdatedAt];
        let rows = self.0.rows::<variant::Entity>();
        let rows = rows.columns_by::<ChapterId, Row>(Of, chapters, &columns).await?;
        let head =
            |(id, level, hardware, updated_at)| VariantHead { id, level, hardware, updated_at };
        let variants = rows.into_iter();
        let mut variants: KeyMap<_, Vec<_>> = variants
            .map(|(chapter, rows)| (chapter, rows.into_iter().map(head).collect()))
            .collect();
        for variants in variants.values_mut() {
            variants.sort_by_key(|variant| (variant.level, variant.hardware));
        }
        Ok(variants)
    }
}

/// Loads the texts of variants. The key includes the time of the last change, so that a changed text is reloaded.
pub(crate) struct BodyLoader(VisibleCourses);

impl Loader for BodyLoader {
    type Key = (VariantId, Timestamp);
    type Value = Arc<str>;
    type Error = Arc<Error>;

    async fn load(&self, variants: &[(VariantId, Timestamp)]) -> LoadResult<Self> {
        use variant::Column::{Body as Text, Id};
        let ids: Vec<_> = variants.iter().map(|(id, _)| *id).collect();
        let rows = self.0.rows::<variant::Entity>();
        let rows = rows.columns_by::<VariantId, (SharedText,)>(Id, &ids, &[Text]).await?;
        let mut bodies: KeyMap<_, _> = rows
            .into_iter()
            .filter_map(|(id, texts)| Some((id, texts.into_iter().next()?.0.0)))
            .collect();
        Ok(variants
            .iter()
            .filter_map(|variant| Some((*variant, bodies.remove(&variant.0)?)))
            .collect())
    }
}

/// Loads the caller's progress in chapters.
pub(crate) struct ProgressLoader(Scope);

impl Loader for ProgressLoader {
    type Key = ChapterId;
    type Value = progress::Model;
    type Error = Arc<Error>;

    async fn load(&self, chapters: &[ChapterId]) -> LoadResult<Self> {
        let in_these = progress::Column::ChapterId.one_of(chapters.iter().copied());
        let rows = self.0.owned::<progress::Entity>()?.filter(in_these).all().await?;
        Ok(rows.into_iter().map(|row| (row.chapter_id, row)).collect())
    }
}
