//! Which courses and chapters a caller sees.

use async_graphql::{Context, ID};
use hallpass_entity::policy::SharedEntity;
use hallpass_entity::{Privilege, Rows, Scope, chapter, course};

use super::loaders::Loaders;
use super::types::{CHAPTER, COURSE};
use crate::access::{ALLOWED, EDITOR, RequestAuth};
use crate::graphql::{ContextExt as _, Result, encode_id};

/// The rows of the courses that one caller sees: what is published; to editors, drafts too. Every way
/// to a course, chapter or text leads through here, so that all of them agree.
#[derive(Clone)]
pub struct VisibleCourses {
    scope: Scope,
    drafts: Option<Privilege>,
}

impl VisibleCourses {
    /// The catalogue of the caller.
    #[must_use]
    pub fn new(asking: &RequestAuth, scope: &Scope) -> Self {
        Self { scope: scope.clone(), drafts: EDITOR.authorize_with(asking) }
    }

    /// The rows that the caller sees.
    pub(crate) fn rows<E: SharedEntity>(&self) -> Rows<E> {
        match self.drafts {
            Some(proof) => self.scope.all(proof),
            None => self.scope.shared(),
        }
    }

    /// Puts on the record which of the `courses` that the caller reads at `field` are drafts.
    pub(crate) fn record_courses<'a>(
        &self,
        ctx: &Context<'_>,
        field: &str,
        courses: impl IntoIterator<Item = &'a course::Model>,
    ) {
        for course in courses.into_iter().filter(|course| !course.published) {
            record(ctx, field, encode_id(COURSE, course.id));
        }
    }

    /// Puts on the record which of the `chapters` that the caller reads at `field` are drafts.
    pub(crate) fn record_chapters<'a>(
        &self,
        ctx: &Context<'_>,
        field: &str,
        chapters: impl IntoIterator<Item = &'a chapter::Model>,
    ) {
        for chapter in chapters.into_iter().filter(|chapter| !chapter.published) {
            record(ctx, field, encode_id(CHAPTER, chapter.id));
        }
    }

    /// The same of one chapter, which counts as a draft too where its course is one.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn record_chapter(
        &self,
        ctx: &Context<'_>,
        field: &str,
        chapter: &chapter::Model,
    ) -> Result<()> {
        let courses = &ctx.data_unchecked::<Loaders>().courses;
        let is_draft = match chapter.published && self.drafts.is_some() {
            true => courses.load_one(chapter.course_id).await?.is_some_and(|it| !it.published),
            false => !chapter.published,
        };
        if is_draft {
            record(ctx, field, encode_id(CHAPTER, chapter.id));
        }
        Ok(())
    }
}

/// Only editors read drafts: it is by right of their role or permission.
fn record(ctx: &Context<'_>, field: &str, draft: ID) {
    ctx.request_auth().trail.note(field.to_owned(), EDITOR.name(), ALLOWED, Some(draft.0));
}

/// The catalogue of the caller of a request.
pub(crate) fn catalogue<'a>(ctx: &Context<'a>) -> &'a VisibleCourses {
    ctx.data_unchecked::<VisibleCourses>()
}
