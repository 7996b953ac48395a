//! Course and chapter queries.

use async_graphql::Context;
use hallpass::data::policy::SharedEntity;
use hallpass::data::{Comparison, Filter, Order};
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, course, variant};

use super::current::current;
use super::filters::{ChapterFilter, CourseFilter, IN_COURSE, of_course};
use super::loaders::record_chapter;
use super::recommend::recommend;
use super::rules::COURSE_EDITOR;
use super::types::{Chapter, ChapterVariant, Course, Recommendation};
use super::visible_courses::visible_courses;
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::graphql::{
    ApiError, Connection, Constrained, Constraint, ContextExt as _, HasId, Id, NamedOrder, Page,
    Result, Validator, paginate_open,
};
use hallpass::schema::FindNode;

/// Constraint of `recommendations(first:)`.
const RECOMMENDATIONS: Constraint<'_> = Constraint::number(1, 100);
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
        let rows = filter.unwrap_or_default().narrow(ctx, visible_courses(ctx).rows()).await?;
        let courses = paginate_open(rows, &by_title, &page, Course).await?;
        let read = courses.objects().iter().map(|it| &it.0);
        visible_courses(ctx).record_courses(ctx, "Query.courses", read);
        Ok(courses)
    }

    /// The published course with this slug, or this ID: give one of them. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn course(
        &self,
        ctx: &Context<'_>,
        slug: Option<String>,
        id: Option<Id<Course>>,
    ) -> Result<Option<Course>> {
        let row = match one_of(slug, id)? {
            Lookup::Slug(slug) => {
                by_slug::<course::Entity>(ctx, course::Column::Slug, &slug).await?
            }
            Lookup::Id(id) => visible(ctx, course::Column::Id.one_of(id.key().ok())).await?,
        };
        visible_courses(ctx).record_courses(ctx, "Query.course", &row);
        Ok(row.map(Course))
    }

    /// Published chapters: of one course in its order, or of all courses, oldest first. Editors also see drafts.
    /// `course` is the ID or the slug of a course.
    #[graphql(guard = "Public")]
    async fn chapters(
        &self,
        ctx: &Context<'_>,
        course: Option<Id<Course>>,
        filter: Option<ChapterFilter>,
        page: Page,
    ) -> Result<Connection<Chapter>> {
        let order = if course.is_some() { IN_COURSE } else { chapter::Column::CreatedAt };
        let of_course = match course {
            Some(id) => Some(of_course(ctx, "course", id).await?),
            None => None,
        };
        let rows = Filter::all().and_if_some(of_course);
        filter.unwrap_or_default().page(ctx, rows, order, &page, "Query.chapters").await
    }

    /// The published chapter with this slug, or this ID: give one of them. Editors also see drafts.
    #[graphql(guard = "Public")]
    async fn chapter(
        &self,
        ctx: &Context<'_>,
        slug: Option<String>,
        id: Option<Id<Chapter>>,
    ) -> Result<Option<Chapter>> {
        let row = match one_of(slug, id)? {
            Lookup::Slug(slug) => {
                by_slug::<chapter::Entity>(ctx, chapter::Column::Slug, &slug).await?
            }
            Lookup::Id(id) => visible(ctx, chapter::Column::Id.one_of(id.key().ok())).await?,
        };
        if let Some(row) = &row {
            record_chapter(ctx, "Query.chapter", row).await?;
        }
        Ok(row.map(Chapter))
    }

    /// The chapter that the caller reads: the one whose progress was recorded last. If it is completed, the next one of
    /// its course; if the course is completed too, the last one that is begun and not completed. Null if there is none.
    #[graphql(guard = "SignedIn", scope = "courses:read progress:read")]
    async fn current_chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        current(ctx).await
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

/// How an object is looked up.
enum Lookup<T: HasId> {
    Slug(String),
    Id(Id<T>),
}

/// The one argument that is given.
fn one_of<T: HasId>(slug: Option<String>, id: Option<Id<T>>) -> Result<Lookup<T>> {
    match (slug, id) {
        (Some(slug), None) => Ok(Lookup::Slug(slug)),
        (None, Some(id)) => Ok(Lookup::Id(id)),
        (None, None) => Err(ApiError::bad_input("slug", "give a slug or an ID")),
        (Some(_), Some(_)) => Err(ApiError::bad_input("id", "give a slug or an ID, not both")),
    }
}

/// The visible row with this slug.
pub(super) async fn by_slug<E: SharedEntity>(
    ctx: &Context<'_>,
    column: E::Column,
    slug: &str,
) -> Result<Option<E::Model>>
where
    E::Column: Comparison<Table = E>,
{
    if slug.contains('\0') {
        return Ok(None);
    }
    visible(ctx, column.is(slug)).await
}

/// The visible row that matches.
async fn visible<E: SharedEntity>(ctx: &Context<'_>, this: Filter<E>) -> Result<Option<E::Model>> {
    Ok(visible_courses(ctx).rows::<E>().filter(this).one().await?)
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

impl FindNode for ChapterVariant {
    async fn find_node(ctx: &Context<'_>, id: VariantId) -> Result<Option<Self>> {
        let variants = ctx.scope().all::<variant::Entity>(COURSE_EDITOR.authorize(ctx).await?);
        Ok(variants.filter(variant::Column::Id.is(id)).one().await?.map(Self::of))
    }
}

/// The chapter with this key, if it is visible to the caller: for mutations, which are audited anyway.
pub(crate) async fn chapter_of(ctx: &Context<'_>, id: ChapterId) -> Result<Option<Chapter>> {
    let rows = visible_courses(ctx).rows().filter(chapter::Column::Id.is(id));
    Ok(rows.one().await?.map(Chapter))
}
