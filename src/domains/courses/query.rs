//! Course and chapter queries.

use async_graphql::{Context, InputObject};
use hallpass::data::policy::SharedEntity;
use hallpass::data::{Comparison as _, Filter, Order, Rows, Term};
use hallpass_entity::{ChapterId, CourseId, chapter, course};

use super::loaders::record_chapter;
use super::recommend::recommend;
use super::types::{Chapter, Course, Recommendation};
use super::visible_courses::visible_courses;
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::graphql::{
    Connection, Constrained, Constraint, Id, NamedOrder, Page, Result, Validator, paginate_open,
};
use hallpass::schema::FindNode;

/// Constraint of `recommendations(first:)`.
const RECOMMENDATIONS: Constraint<'_> = Constraint::number(1, 100);
/// Constraint of the texts of a filter.
const WORD: Constraint<'_> = Constraint::text(1, 100);

/// Course filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct CourseFilter {
    /// Whether the course is published. Only editors see drafts.
    pub published: Option<bool>,
}

impl CourseFilter {
    fn check(&self) -> Filter<course::Entity> {
        Filter::all().and_if_some(self.published.map(|is| course::Column::Published.is(is)))
    }
}

/// Chapter filter. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ChapterFilter {
    /// Interest area. Ignores case, accents and letter variants. If more than 10,000 chapters match, only the most
    /// recent ones are considered.
    #[graphql(directive = Constrained::apply(WORD))]
    pub interest_area: Option<String>,
    /// Lowest tier that may read the text.
    #[graphql(directive = Constrained::apply(WORD))]
    pub required_tier: Option<String>,
    /// Whether the chapter itself is published, regardless of its course. Only editors see drafts.
    pub published: Option<bool>,
}

impl ChapterFilter {
    /// Applies the filter to `chapters`.
    fn narrow(self, chapters: Rows<chapter::Entity>) -> Result<Rows<chapter::Entity>> {
        use chapter::Column::{Id, Published, RequiredTier};
        let mut validator = Validator::default();
        let mut word =
            |path, text: Option<String>| text.map(|text| validator.text(path, &text, &WORD));
        let area = word("filter.interestArea", self.interest_area);
        let tier = word("filter.requiredTier", self.required_tier);
        validator.finish()?;
        let tier = tier.map(|tier| RequiredTier.is(tier));
        let published = self.published.map(|is| Published.is(is));
        let rows = chapters.filter(Filter::all().and_if_some(tier).and_if_some(published));
        Ok(match area.map(|area| Term::word(&area)) {
            Some(Some(area)) => rows.search(&area),
            Some(None) => rows.filter(Id.one_of([] as [ChapterId; 0])),
            None => rows,
        })
    }
}

/// Course and chapter queries.
#[derive(Default)]
pub struct CourseQuery;

#[guarded(Query, domain = "courses")]
impl CourseQuery {
    /// Published courses, sorted by title. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn courses(
        &self,
        ctx: &Context<'_>,
        filter: Option<CourseFilter>,
        page: Page,
    ) -> Result<Connection<Course>> {
        let by_title = NamedOrder {
            name: "titleKey".to_owned(),
            order: Order::by(course::Column::TitleKey, false),
        };
        let rows = visible_courses(ctx).rows().filter(filter.unwrap_or_default().check());
        let courses = paginate_open(rows, &by_title, &page, Course).await?;
        let read = courses.edges.iter().map(|edge| &edge.node.0);
        visible_courses(ctx).record_courses(ctx, "Query.courses", read);
        Ok(courses)
    }

    /// The published course with this slug. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn course(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Course>> {
        let row = by_slug::<course::Entity>(ctx, course::Column::Slug, &slug).await?;
        visible_courses(ctx).record_courses(ctx, "Query.course", &row);
        Ok(row.map(Course))
    }

    /// Published chapters: of one course in its order, or of all courses, oldest first. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn chapters(
        &self,
        ctx: &Context<'_>,
        course: Option<Id<Course>>,
        filter: Option<ChapterFilter>,
        page: Page,
    ) -> Result<Connection<Chapter>> {
        let column = match course {
            Some(_) => chapter::Column::Ordinal,
            None => chapter::Column::CreatedAt,
        };
        let order = NamedOrder { name: format!("{column:?}"), order: Order::by(column, false) };
        let of_course = course.map(|id| chapter::Column::CourseId.one_of(id.key().ok()));
        let rows = visible_courses(ctx).rows().filter(Filter::all().and_if_some(of_course));
        let rows = filter.unwrap_or_default().narrow(rows)?;
        let chapters = paginate_open(rows, &order, &page, Chapter).await?;
        let read = chapters.edges.iter().map(|edge| &edge.node.0);
        visible_courses(ctx).record_chapters(ctx, "Query.chapters", read);
        Ok(chapters)
    }

    /// The published chapter with this slug. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn chapter(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Chapter>> {
        let row = by_slug::<chapter::Entity>(ctx, chapter::Column::Slug, &slug).await?;
        if let Some(row) = &row {
            record_chapter(ctx, "Query.chapter", row).await?;
        }
        Ok(row.map(Chapter))
    }

    /// Chapters that the caller may read and has not completed: started ones first, then those in their interest
    /// area, oldest first.
    #[graphql(guard = "SignedIn", scope = "courses:read profile:read progress:read")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 5, directive = Constrained::apply(RECOMMENDATIONS))] first: i32,
    ) -> Result<Vec<Recommendation>> {
        let mut validator = Validator::default();
        validator.number("first", first, &RECOMMENDATIONS);
        validator.finish()?;
        recommend(ctx, u64::try_from(first).unwrap_or_default()).await
    }
}

async fn by_slug<E: SharedEntity>(
    ctx: &Context<'_>,
    column: E::Column,
    slug: &str,
) -> Result<Option<E::Model>>
where
    E::Column: hallpass::data::Comparison<Table = E>,
{
    if slug.contains('\0') {
        return Ok(None);
    }
    Ok(visible_courses(ctx).rows::<E>().filter(column.is(slug)).one().await?)
}

impl FindNode for Course {
    async fn find_node(ctx: &Context<'_>, id: CourseId) -> Result<Option<Self>> {
        let this = course::Column::Id.is(id);
        let row = visible_courses(ctx).rows().filter(this).one().await?;
        visible_courses(ctx).record_courses(ctx, "Query.node", &row);
        Ok(row.map(Course))
    }
}

impl FindNode for Chapter {
    async fn find_node(ctx: &Context<'_>, id: ChapterId) -> Result<Option<Self>> {
        let chapter = chapter_of(ctx, id).await?;
        if let Some(Self(row)) = &chapter {
            record_chapter(ctx, "Query.node", row).await?;
        }
        Ok(chapter)
    }
}

/// The chapter with this key, if it is visible to the caller: for mutations, which are audited anyway.
pub(crate) async fn chapter_of(ctx: &Context<'_>, id: ChapterId) -> Result<Option<Chapter>> {
    let rows = visible_courses(ctx).rows().filter(chapter::Column::Id.is(id));
    Ok(rows.one().await?.map(Chapter))
}
