//! Visibility of courses and chapters: published rows, and drafts for editors. Audits the reading of drafts.

use async_graphql::Context;
use hallpass::data::policy::SharedEntity;
use hallpass::data::{Privilege, Rows, Scope};
use hallpass_entity::{chapter, course};

use super::objects::{Chapter, Course};
use super::rules::COURSE_EDITOR;
use hallpass::access::{ALLOWED, RequestAuth};
use hallpass::graphql::{ContextExt as _, HasId, Id};

/// The course rows visible to one caller: published ones; for editors, drafts too. All queries for courses,
/// chapters and texts use it, so that they agree.
#[derive(Clone)]
pub struct VisibleCourses {
    scope: Scope,
    drafts: Option<Privilege>,
}

impl VisibleCourses {
    /// The rows visible to the caller of `scope`.
    #[must_use]
    pub fn new(auth: &RequestAuth, scope: &Scope) -> Self {
        Self { scope: scope.clone(), drafts: COURSE_EDITOR.authorize_with(auth) }
    }

    /// The visible rows of a table.
    pub(crate) fn rows<E: SharedEntity>(&self) -> Rows<E> {
        match self.drafts {
            Some(privilege) => self.scope.all(privilege),
            None => self.scope.shared(),
        }
    }

    /// Audits the drafts among the `courses` that the caller reads at `field`.
    pub(crate) fn record_courses<'a>(
        &self,
        ctx: &Context<'_>,
        field: &str,
        courses: impl IntoIterator<Item = &'a course::Model>,
    ) {
        for course in courses.into_iter().filter(|course| !course.published) {
            record_draft(ctx, field, Id::<Course>::new(course.id));
        }
    }

    /// Audits the drafts among the `chapters` that the caller reads at `field`.
    pub(crate) fn record_chapters<'a>(
        &self,
        ctx: &Context<'_>,
        field: &str,
        chapters: impl IntoIterator<Item = &'a chapter::Model>,
    ) {
        for chapter in chapters.into_iter().filter(|chapter| !chapter.published) {
            record_draft(ctx, field, Id::<Chapter>::new(chapter.id));
        }
    }

    /// Whether the caller sees drafts.
    pub(super) fn includes_drafts(&self) -> bool {
        self.drafts.is_some()
    }
}

/// Audits the reading of a draft: a privileged read, allowed by the rule for editors.
pub(super) fn record_draft<T: HasId>(ctx: &Context<'_>, field: &str, draft: Id<T>) {
    let (rule, draft) = (COURSE_EDITOR.name(), Some(draft.to_string()));
    ctx.request_auth().trail.note(field.to_owned(), rule, ALLOWED, draft);
}

/// The rows visible to the caller of the request.
pub(crate) fn visible_courses<'a>(ctx: &Context<'a>) -> &'a VisibleCourses {
    ctx.request_data::<VisibleCourses>()
}
