//! Reading courses.

use async_graphql::{Context, ID, InputObject, Object};
use hallpass_entity::policy::SharedEntity;
use hallpass_entity::{
    ChapterId, Comparison as _, CourseId, Filter, Order, Rows, Term, chapter, course,
};

use super::recommend::recommend;
use super::types::{CHAPTER, COURSE, Chapter, Course, Recommendation};
use super::visible_courses::catalogue;
use crate::access::Rule::{Public, SignedIn};
use crate::access::{guarded, semantic_non_null};
use crate::graphql::{
    Connection, NamedOrder, PageArgs, Result, Validator, decode_id, paginate_open,
};

/// How many recommendations may be asked for.
const MOST_RECOMMENDED: i32 = 100;

/// Which courses. Everything given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct CourseFilter {
    /// Published, or a draft. Only editors find drafts.
    pub published: Option<bool>,
}

impl CourseFilter {
    fn check(&self) -> Filter<course::Entity> {
        Filter::all().and_if_some(self.published.map(|is| course::Column::Published.is(is)))
    }
}

/// Which chapters. Everything given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ChapterFilter {
    /// For this interest area. Case, accents and forms of letters do not count. Of more than 10,000 chapters
    /// that match, those that were written last are looked at.
    pub interest_area: Option<String>,
    /// Readable from this tier on.
    pub required_tier: Option<String>,
    /// Published, or a draft, whatever its course is. Only editors find drafts.
    pub published: Option<bool>,
}

impl ChapterFilter {
    /// Those of `chapters` that are asked for.
    fn narrow(self, chapters: Rows<chapter::Entity>) -> Result<Rows<chapter::Entity>> {
        use chapter::Column::{Id, Published, RequiredTier};
        let mut checks = Validator::default();
        let mut word =
            |path, text: Option<String>| text.map(|text| checks.text(path, &text, 1, 100));
        let area = word("filter.interestArea", self.interest_area);
        let tier = word("filter.requiredTier", self.required_tier);
        checks.finish()?;
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

/// The queries about courses.
#[derive(Default)]
pub struct CourseQuery;

#[guarded(Query, domain = "courses")]
#[Object]
impl CourseQuery {
    /// The published courses, by title; to editors, drafts too.
    #[graphql(guard = "Public", directive = semantic_non_null::apply())]
    async fn courses(
        &self,
        ctx: &Context<'_>,
        filter: Option<CourseFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Connection<Course>>> {
        let by_title = NamedOrder {
            name: "titleKey".to_owned(),
            order: Order::by(course::Column::TitleKey, false),
        };
        let args = PageArgs::new(first, after, last, before);
        let rows = catalogue(ctx).rows().filter(filter.unwrap_or_default().check());
        let page = paginate_open(rows, &by_title, &args, Course::from).await?;
        let courses = page.edges.iter().map(|edge| edge.node.row());
        catalogue(ctx).record_courses(ctx, "Query.courses", courses);
        Ok(Some(page))
    }

    /// The published course with this slug; to editors, a draft too.
    #[graphql(guard = "Public")]
    async fn course(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Course>> {
        let row = by_slug::<course::Entity>(ctx, course::Column::Slug, &slug).await?;
        catalogue(ctx).record_courses(ctx, "Query.course", &row);
        Ok(row.map(Course::from))
    }

    /// The published chapters: of one course in their order, else of all courses, oldest first. To
    /// editors, drafts too.
    #[expect(
        clippy::too_many_arguments,
        reason = "the arguments of the field, as Relay names them"
    )]
    #[graphql(guard = "Public", directive = semantic_non_null::apply())]
    async fn chapters(
        &self,
        ctx: &Context<'_>,
        course: Option<ID>,
        filter: Option<ChapterFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Connection<Chapter>>> {
        let column = match course {
            Some(_) => chapter::Column::Ordinal,
            None => chapter::Column::CreatedAt,
        };
        let listing = NamedOrder { name: format!("{column:?}"), order: Order::by(column, false) };
        let of_course = course.map(|id| chapter::Column::CourseId.one_of(course_id(&id)));
        let args = PageArgs::new(first, after, last, before);
        let rows = catalogue(ctx).rows().filter(Filter::all().and_if_some(of_course));
        let rows = filter.unwrap_or_default().narrow(rows)?;
        let page = paginate_open(rows, &listing, &args, Chapter::from).await?;
        let chapters = page.edges.iter().map(|edge| edge.node.row());
        catalogue(ctx).record_chapters(ctx, "Query.chapters", chapters);
        Ok(Some(page))
    }

    /// The published chapter with this slug; to editors, a draft too.
    #[graphql(guard = "Public")]
    async fn chapter(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Chapter>> {
        let row = by_slug::<chapter::Entity>(ctx, chapter::Column::Slug, &slug).await?;
        if let Some(row) = &row {
            catalogue(ctx).record_chapter(ctx, "Query.chapter", row).await?;
        }
        Ok(row.map(Chapter::from))
    }

    /// Chapters that the caller may read and has not finished: those begun come first, then those of their
    /// interest, the oldest first.
    #[graphql(
        guard = "SignedIn",
        scope = "courses:read profile:read progress:read",
        directive = semantic_non_null::apply()
    )]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 5)] first: i32,
    ) -> Result<Option<Vec<Recommendation>>> {
        let mut checks = Validator::default();
        let message = format!("ask for 1 to {MOST_RECOMMENDED}");
        checks.number("first", first, &(1..=MOST_RECOMMENDED), message);
        checks.finish()?;
        recommend(ctx, u64::try_from(first).unwrap_or_default()).await.map(Some)
    }
}

/// No course has an id that is none of ours.
pub(crate) fn course_id(id: &ID) -> Option<CourseId> {
    decode_id(id).filter(|(kind, _)| kind == COURSE).map(|(_, key)| key.into())
}

/// No chapter has an id that is none of ours.
pub(crate) fn chapter_id(id: &ID) -> Option<ChapterId> {
    decode_id(id).filter(|(kind, _)| kind == CHAPTER).map(|(_, key)| key.into())
}

async fn by_slug<E: SharedEntity>(
    ctx: &Context<'_>,
    column: E::Column,
    slug: &str,
) -> Result<Option<E::Model>>
where
    E::Column: hallpass_entity::Comparison<Table = E>,
{
    if slug.contains('\0') {
        return Ok(None);
    }
    Ok(catalogue(ctx).rows::<E>().filter(column.is(slug)).one().await?)
}

/// The course with this key, if the caller sees it.
///
/// # Errors
/// When the database is away.
pub async fn course_node(ctx: &Context<'_>, id: CourseId) -> Result<Option<Course>> {
    let row = catalogue(ctx).rows().filter(course::Column::Id.is(id)).one().await?;
    catalogue(ctx).record_courses(ctx, "Query.node", &row);
    Ok(row.map(Course::from))
}

/// The chapter with this key, if the caller sees it.
///
/// # Errors
/// When the database is away.
pub async fn chapter_node(ctx: &Context<'_>, id: ChapterId) -> Result<Option<Chapter>> {
    let chapter = chapter_of(ctx, id).await?;
    if let Some(chapter) = &chapter {
        catalogue(ctx).record_chapter(ctx, "Query.node", chapter.row()).await?;
    }
    Ok(chapter)
}

/// The same, for a mutation, which is on the record anyway.
pub(crate) async fn chapter_of(ctx: &Context<'_>, id: ChapterId) -> Result<Option<Chapter>> {
    let rows = catalogue(ctx).rows().filter(chapter::Column::Id.is(id));
    Ok(rows.one().await?.map(Chapter::from))
}
