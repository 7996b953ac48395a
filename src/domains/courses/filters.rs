//! Filters of courses and chapters.

use async_graphql::{Context, InputObject};
use hallpass::data::{Comparison as _, Filter, Order, Rows, Term};
use hallpass_entity::{ChapterId, chapter, course, progress};

use super::query::by_slug;
use super::types::{Chapter, Course};
use super::visible_courses::visible_courses;
use hallpass::access::Rule::SignedIn;
use hallpass::graphql::{
    ApiError, Connection, Constrained, Constraint, ContextExt as _, Id, NamedOrder, Page, Result,
    Validator, decode_id, paginate_open,
};

/// Constraint of the words of a filter.
const WORD: Constraint<'_> = Constraint::text(1, 100);
/// As long as the longest title.
const SEARCH: Constraint<'_> = Constraint::text(0, 200);
/// The order of the chapters of a course.
pub(super) const IN_COURSE: chapter::Column = chapter::Column::Ordinal;

/// Course filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct CourseFilter {
    /// Text contained in the title or the description, at most 200 characters. Ignores case, accents and letter
    /// variants. A text of one or two letters matches words that begin with it. If more than 10,000 courses match,
    /// only the most recent ones are considered.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub text: Option<String>,
    /// Whether the course is published. Only editors see drafts.
    pub published: Option<bool>,
    /// Whether the caller has progress in a chapter of the course, completed or not. Requires a signed-in user.
    pub started: Option<bool>,
}

impl CourseFilter {
    /// Applies the filter to `courses`.
    pub(super) async fn narrow(
        self,
        ctx: &Context<'_>,
        courses: Rows<course::Entity>,
    ) -> Result<Rows<course::Entity>> {
        let mut validator = Validator::default();
        let text = self.text.map(|text| validator.text("filter.text", &text, &SEARCH));
        validator.finish()?;
        let published = self.published.map(|is| course::Column::Published.is(is));
        let mut rows = courses.filter(Filter::all().and_if_some(published));
        if let Some(started) = self.started {
            check_progress_is_readable(ctx).await?;
            let own = progress::Column::Percent.greater_than(0);
            let scope = ctx.scope();
            rows = scope
                .with_referred_child::<_, chapter::Entity, progress::Entity>(rows, own, started)?;
        }
        Ok(match text.and_then(|text| Term::new(&text)) {
            Some(text) => rows.search_in::<course::Text>(&text),
            None => rows,
        })
    }
}

/// Chapter filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ChapterFilter {
    /// Text contained in the title or the summary, at most 200 characters. Ignores case, accents and letter variants.
    /// A text of one or two letters matches words that begin with it. If more than 10,000 chapters match, only the
    /// most recent ones are considered.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub text: Option<String>,
    /// Interest area. Ignores case, accents and letter variants. If more than 10,000 chapters match, only the most
    /// recent ones are considered.
    #[graphql(directive = Constrained::apply(WORD))]
    pub interest_area: Option<String>,
    /// Lowest tier that may read the text.
    #[graphql(directive = Constrained::apply(WORD))]
    pub required_tier: Option<String>,
    /// Whether the chapter itself is published, regardless of its course. Only editors see drafts.
    pub published: Option<bool>,
    /// ID or slug of the course.
    pub course: Option<Id<Course>>,
    /// Whether the caller has bookmarked the chapter. Requires a signed-in user.
    pub bookmarked: Option<bool>,
    /// Whether the caller has progress in the chapter, completed or not. Requires a signed-in user.
    pub started: Option<bool>,
    /// Whether the caller has completed the chapter. Requires a signed-in user.
    pub completed: Option<bool>,
}

impl ChapterFilter {
    /// A page of the visible chapters that match this filter and `other`, read at `field`.
    pub(super) async fn page(
        self,
        ctx: &Context<'_>,
        other: Filter<chapter::Entity>,
        order: chapter::Column,
        page: &Page,
        field: &str,
    ) -> Result<Connection<Chapter>> {
        let rows = self.narrow(ctx, visible_courses(ctx).rows().filter(other)).await?;
        let order = NamedOrder { name: format!("{order:?}"), order: Order::by(order, false) };
        let chapters = paginate_open(rows, &order, page, Chapter).await?;
        let read = chapters.objects().iter().map(|it| &it.0);
        visible_courses(ctx).record_chapters(ctx, field, read);
        Ok(chapters)
    }

    /// Applies the filter to `chapters`.
    async fn narrow(
        self,
        ctx: &Context<'_>,
        chapters: Rows<chapter::Entity>,
    ) -> Result<Rows<chapter::Entity>> {
        use chapter::Column::{Id, Published, RequiredTier};
        let mut validator = Validator::default();
        let mut word = |path, text: &Option<String>, constraint| {
            text.as_ref().map(|text| validator.text(path, text, constraint))
        };
        let area = word("filter.interestArea", &self.interest_area, &WORD);
        let tier = word("filter.requiredTier", &self.required_tier, &WORD);
        let text = word("filter.text", &self.text, &SEARCH).and_then(|text| Term::new(&text));
        validator.finish()?;
        let tier = tier.map(|tier| RequiredTier.is(tier));
        let published = self.published.map(|is| Published.is(is));
        let rows = chapters.filter(Filter::all().and_if_some(tier).and_if_some(published));
        let rows = match area.map(|area| Term::word(&area)) {
            Some(Some(area)) => rows.search(&area),
            Some(None) => rows.filter(Id.one_of([] as [ChapterId; 0])),
            None => rows,
        };
        let rows = match text {
            Some(text) => rows.search_in::<chapter::Text>(&text),
            None => rows,
        };
        let rows = self.by_progress(ctx, rows).await?;
        Ok(match self.course {
            Some(course) => rows.filter(of_course(ctx, "filter.course", course).await?),
            None => rows,
        })
    }

    /// Applies the conditions on the caller's progress.
    async fn by_progress(
        &self,
        ctx: &Context<'_>,
        mut rows: Rows<chapter::Entity>,
    ) -> Result<Rows<chapter::Entity>> {
        use progress::Column::{Bookmarked, Percent};
        let conditions = [
            (self.bookmarked, Bookmarked.is(true)),
            (self.started, Percent.greater_than(0)),
            (self.completed, Percent.is(100)),
        ];
        for (wanted, own) in conditions {
            let Some(wanted) = wanted else { continue };
            check_progress_is_readable(ctx).await?;
            rows = ctx.scope().referred::<_, progress::Entity>(rows, own, wanted)?;
        }
        Ok(rows)
    }
}

/// Fails unless the caller may read their progress: an OAuth client must not learn it from which rows match.
async fn check_progress_is_readable(ctx: &Context<'_>) -> Result<()> {
    Ok(SignedIn.with_scope(Some("progress:read")).check(ctx).await?)
}

/// The chapters of the course with this ID or slug. The ID of a course that is not visible matches no chapter.
pub(super) async fn of_course(
    ctx: &Context<'_>,
    path: &str,
    course: Id<Course>,
) -> Result<Filter<chapter::Entity>> {
    let text = course.text();
    let id = match course.key() {
        Ok(id) => Some(id),
        Err(_) if decode_id(&text.as_str().into()).is_some() => None,
        Err(_) => by_slug::<course::Entity>(ctx, course::Column::Slug, &text)
            .await?
            .map(|course| course.id),
    };
    let id = id.ok_or_else(|| ApiError::bad_input(path, "give the ID or the slug of a course"))?;
    Ok(chapter::Column::CourseId.is(id))
}
