//! Course and chapter editing, for editors. New courses and chapters are drafts until they are published. Conditions
//! are part of the statement that changes the row, so there is no gap between check and change.

pub(crate) mod input;

use std::sync::Arc;

use async_graphql::Context;
use hallpass::data::policy::SharedEntity;
use hallpass::data::{
    Comparison as _, Editable, Error, Order, PageRequest, Rows, Set, Update, now,
};
use hallpass_entity::level::Level as LevelRow;
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, course, variant};

use super::html::HtmlCache;
use super::kinds::{PUBLISHED_CHAPTER, PUBLISHED_COURSE};
use super::markdown::TooComplex;
use super::payloads::{
    CreateChapterPayload, CreateCoursePayload, DeleteChapterPayload, DeleteCoursePayload,
    PublishChapterPayload, PublishCoursePayload, SaveChapterVariantPayload, SavedVariant,
    UpdateChapterPayload, UpdateCoursePayload,
};
use super::rules::COURSE_EDITOR;
use super::types::{Chapter, ChapterVariant, Course};
use hallpass::access::guarded;
use hallpass::events::Change;
use hallpass::graphql::{
    ApiError, Begun, ContextExt as _, Execution, Id, InputProblem, ProblemKind, Result, Writes,
};
use hallpass::identity::Tiers;
use input::{
    ChapterVariantInput, CreateChapterInput, CreateCourseInput, UpdateChapterInput,
    UpdateCourseInput,
};

/// Course and chapter mutations.
#[derive(Default)]
pub struct EditingMutation;

#[guarded(Mutation, domain = "courses")]
impl EditingMutation {
    /// Creates a course as a draft. Drafts are visible to editors only.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn create_course(
        &self,
        ctx: &Context<'_>,
        input: CreateCourseInput,
    ) -> Result<CreateCoursePayload> {
        let (id, created) = (CourseId::generate(), now());
        let values = course::ActiveModel {
            id: Set(id),
            published: Set(false),
            created_at: Set(created),
            updated_at: Set(created),
            ..input.check()?
        };
        let privilege = COURSE_EDITOR.authorize(ctx).await?;
        let insert = async |writes: &Writes| {
            let row = writes.insert_shared::<course::Entity>(privilege, values).await;
            row.map(Course).map_err(map_conflict)
        };
        let created = async |key| current_course(ctx, key).await;
        let execution = Execution::statement();
        execution.create_or(ctx, id, insert, created).await.map(CreateCoursePayload)
    }

    /// Changes a course.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn update_course(
        &self,
        ctx: &Context<'_>,
        id: Id<Course>,
        input: UpdateCourseInput,
    ) -> Result<UpdateCoursePayload> {
        change_course(ctx, &id, input.check()?).await.map(UpdateCoursePayload)
    }

    /// Publishes a course, and with it those of its chapters that are published. `published: false` makes the course
    /// a draft again, and hides all of its chapters.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn publish_course(
        &self,
        ctx: &Context<'_>,
        id: Id<Course>,
        #[graphql(default = true)] published: bool,
    ) -> Result<PublishCoursePayload> {
        let values = course::ActiveModel { published: Set(published), ..Default::default() };
        change_course(ctx, &id, values).await.map(PublishCoursePayload)
    }

    /// Permanently deletes a course, its chapters, their texts, and all progress and bookmarks of learners. To hide a course and keep its content, use `publishCourse` with `published: false`.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn delete_course(
        &self,
        ctx: &Context<'_>,
        id: Id<Course>,
    ) -> Result<DeleteCoursePayload> {
        let privilege = COURSE_EDITOR.authorize(ctx).await?;
        let deleted = course::Column::Id.is(id.key()?);
        if let Begun::First(writes) = Execution::statement().begin(ctx).await? {
            let course = writes.shared_for_edit::<course::Entity>(privilege).filter(deleted);
            if course.delete().await? == 0 {
                return Err(COURSE_NOT_FOUND);
            }
            drop(course);
            writes.commit().await?;
        }
        Ok(DeleteCoursePayload(id))
    }

    /// Creates a chapter of a course as a draft. Drafts are visible to editors only.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn create_chapter(
        &self,
        ctx: &Context<'_>,
        course_id: Id<Course>,
        input: CreateChapterInput,
    ) -> Result<CreateChapterPayload> {
        let mut values = input.check(tiers(ctx))?;
        let course = course_id.key()?;
        if values.ordinal.is_not_set() {
            values.ordinal = Set(next_ordinal(ctx, course).await?);
        }
        let (id, created) = (ChapterId::generate(), now());
        let values = chapter::ActiveModel {
            id: Set(id),
            course_id: Set(course),
            published: Set(false),
            created_at: Set(created),
            updated_at: Set(created),
            ..values
        };
        let privilege = COURSE_EDITOR.authorize(ctx).await?;
        let insert = async |writes: &Writes| {
            let row = writes.insert_shared::<chapter::Entity>(privilege, values).await;
            row.map(Chapter).map_err(map_conflict)
        };
        let created = async |key| current_chapter(ctx, key).await;
        let execution = Execution::statement();
        execution.create_or(ctx, id, insert, created).await.map(CreateChapterPayload)
    }

    /// Changes a chapter.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn update_chapter(
        &self,
        ctx: &Context<'_>,
        id: Id<Chapter>,
        input: UpdateChapterInput,
    ) -> Result<UpdateChapterPayload> {
        change_chapter(ctx, &id, input.check(tiers(ctx))?).await.map(UpdateChapterPayload)
    }

    /// Saves a variant of a chapter. Replaces the variant for the same levels, if any.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn save_chapter_variant(
        &self,
        ctx: &Context<'_>,
        chapter_id: Id<Chapter>,
        input: ChapterVariantInput,
    ) -> Result<SaveChapterVariantPayload> {
        use variant::Column::{ChapterId as Of, Hardware, Level};
        let body = Arc::from(input.body.as_str());
        let (level, hardware) = (LevelRow::from(input.level), LevelRow::from(input.hardware));
        let values = input.check()?;
        let chapter = chapter_id.key()?;
        let values = variant::ActiveModel {
            id: Set(VariantId::generate()),
            chapter_id: Set(chapter),
            updated_at: Set(now()),
            ..values
        };
        let privilege = COURSE_EDITOR.authorize(ctx).await?;
        let html = ctx.request_data::<Arc<HtmlCache>>();
        html.render(body).await.map_err(|TooComplex| too_complex())?;
        let Begun::First(writes) = Execution::statement().begin(ctx).await? else {
            let same = Of.is(chapter).and(Level.is(level)).and(Hardware.is(hardware));
            let saved = editable::<variant::Entity>(ctx).await?.filter(same).one().await?;
            let saved = saved.map(ChapterVariant::of).ok_or(CHAPTER_NOT_FOUND)?;
            return Ok(SaveChapterVariantPayload(SavedVariant { variant: saved, chapter }));
        };
        let same = &[Of, Level, Hardware];
        let saved = writes.upsert_shared::<variant::Entity>(privilege, values, same).await;
        let saved = saved.map_err(|error| match error {
            Error::ForeignKeyViolation(_) => CHAPTER_NOT_FOUND,
            other => other.into(),
        })?;
        writes.commit().await?;
        let saved = SavedVariant { variant: ChapterVariant::of(saved), chapter };
        Ok(SaveChapterVariantPayload(saved))
    }

    /// Publishes a chapter. It is visible once its course is published, too. `published: false` makes it a draft
    /// again.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn publish_chapter(
        &self,
        ctx: &Context<'_>,
        id: Id<Chapter>,
        #[graphql(default = true)] published: bool,
    ) -> Result<PublishChapterPayload> {
        let values = chapter::ActiveModel { published: Set(published), ..Default::default() };
        change_chapter(ctx, &id, values).await.map(PublishChapterPayload)
    }

    /// Permanently deletes a chapter, its texts, and all progress and bookmarks of learners.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn delete_chapter(
        &self,
        ctx: &Context<'_>,
        id: Id<Chapter>,
    ) -> Result<DeleteChapterPayload> {
        let privilege = COURSE_EDITOR.authorize(ctx).await?;
        let deleted = chapter::Column::Id.is(id.key()?);
        if let Begun::First(writes) = Execution::statement().begin(ctx).await? {
            let chapter = writes.shared_for_edit::<chapter::Entity>(privilege).filter(deleted);
            if chapter.delete().await? == 0 {
                return Err(CHAPTER_NOT_FOUND);
            }
            drop(chapter);
            writes.commit().await?;
        }
        Ok(DeleteChapterPayload(id))
    }
}

fn too_complex() -> ApiError {
    let message =
        "the HTML would be too long: nest fewer block quotes and elements, or write less in tables";
    ApiError::BadInput(vec![InputProblem::new("input.body", ProblemKind::Invalid, message)])
}

const COURSE_NOT_FOUND: ApiError = ApiError::NotFound("course");
const CHAPTER_NOT_FOUND: ApiError = ApiError::NotFound("chapter");

fn tiers<'a>(ctx: &Context<'a>) -> &'a Tiers {
    &ctx.request_auth().policy.tiers
}

/// The rows of a table, editable by callers who meet the rule for editors.
async fn editable<E: SharedEntity>(ctx: &Context<'_>) -> Result<Rows<E, Editable>> {
    Ok(ctx.scope().shared_for_edit(COURSE_EDITOR.authorize(ctx).await?))
}

/// The course with this key, published or not.
async fn current_course(ctx: &Context<'_>, id: CourseId) -> Result<Course> {
    let course = editable(ctx).await?.filter(course::Column::Id.is(id)).one().await?;
    course.map(Course).ok_or(COURSE_NOT_FOUND)
}

/// The chapter with this key, published or not.
async fn current_chapter(ctx: &Context<'_>, id: ChapterId) -> Result<Chapter> {
    let chapter = editable(ctx).await?.filter(chapter::Column::Id.is(id)).one().await?;
    chapter.map(Chapter).ok_or(CHAPTER_NOT_FOUND)
}

/// Changes a course. An empty change does not touch the row, `updatedAt` included.
async fn change_course(
    ctx: &Context<'_>,
    id: &Id<Course>,
    values: course::ActiveModel,
) -> Result<Course> {
    let (id, privilege) = (id.key()?, COURSE_EDITOR.authorize(ctx).await?);
    let Begun::First(writes) = Execution::statement().begin(ctx).await? else {
        return current_course(ctx, id).await;
    };
    let course = writes.shared_for_edit(privilege).filter(course::Column::Id.is(id));
    let mut is_published = false;
    let row = if values == course::ActiveModel::default() {
        course.one().await?
    } else {
        is_published = values.published == Set(true)
            && course.one().await?.is_some_and(|before| !before.published);
        let values = course::ActiveModel { updated_at: Set(now()), ..values };
        let changed = course.update(Update::set(values)).await.map_err(map_conflict)?;
        changed.into_iter().next()
    };
    drop(course);
    let row = row.ok_or(COURSE_NOT_FOUND)?;
    writes.commit().await?;
    if is_published {
        ctx.publish_to_all(PUBLISHED_COURSE.event(Change::Updated, id));
    }
    Ok(Course(row))
}

/// Changes a chapter, as [`change_course`] changes a course.
async fn change_chapter(
    ctx: &Context<'_>,
    id: &Id<Chapter>,
    values: chapter::ActiveModel,
) -> Result<Chapter> {
    let (id, privilege) = (id.key()?, COURSE_EDITOR.authorize(ctx).await?);
    let Begun::First(writes) = Execution::statement().begin(ctx).await? else {
        return current_chapter(ctx, id).await;
    };
    let chapter = writes.shared_for_edit(privilege).filter(chapter::Column::Id.is(id));
    let mut is_published = false;
    let row = if values == chapter::ActiveModel::default() {
        chapter.one().await?
    } else {
        is_published = values.published == Set(true)
            && chapter.one().await?.is_some_and(|before| !before.published);
        let values = chapter::ActiveModel { updated_at: Set(now()), ..values };
        let changed = chapter.update(Update::set(values)).await.map_err(map_conflict)?;
        changed.into_iter().next()
    };
    drop(chapter);
    let row = row.ok_or(CHAPTER_NOT_FOUND)?;
    writes.commit().await?;
    if is_published {
        ctx.publish_to_all(PUBLISHED_CHAPTER.event(Change::Updated, id));
    }
    Ok(Chapter(row))
}

/// The position after a course's last chapter. Chapters created concurrently may share it; then they are sorted by
/// creation.
async fn next_ordinal(ctx: &Context<'_>, course: CourseId) -> Result<i32> {
    let chapters = editable(ctx).await?.filter(chapter::Column::CourseId.is(course));
    let last_first = Order::by(chapter::Column::Ordinal, true);
    let page =
        chapters.page(&last_first, &PageRequest { limit: 1, ..PageRequest::default() }).await?;
    Ok(page.rows.first().map_or(1, |last| last.ordinal.saturating_add(1)))
}

/// Maps constraint violations: the only unique column is the slug, the only foreign key a chapter's course.
fn map_conflict(error: Error) -> ApiError {
    match error {
        Error::UniqueViolation(_) => {
            let message = "this slug is already in use: choose another";
            InputProblem::new("input.slug", ProblemKind::Taken, message).into()
        }
        Error::ForeignKeyViolation(_) => COURSE_NOT_FOUND,
        Error::Unauthenticated
        | Error::NoTenant
        | Error::Full { .. }
        | Error::Unavailable(_)
        | Error::Timeout(_)
        | Error::Internal(_) => error.into(),
    }
}
