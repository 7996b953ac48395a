//! GraphQL types of courses, chapters, variants and progress.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use hallpass::data::{Comparison as _, Filter};
use hallpass_entity::{ChapterId, CourseId, VariantId, chapter, progress, variant};

use super::current::current_of_course;
use super::filters::{ChapterFilter, IN_COURSE};
use super::html::HtmlCache;
use super::loaders::{Loaders, VariantHead};
pub use super::objects::{Chapter, Course};
use super::outline::{CourseProgress, neighbor, outline, visible_chapter};
use super::personalize::{reasons, select_variant};
use super::rules::{CHAPTER_READER, COURSE_EDITOR};
use super::viewer::ChapterViewer;
use super::visible_courses::visible_courses;
use crate::domains::learners::{ContentLevel, Level, Profile, profile};
use hallpass::access::Rule::Public;
use hallpass::access::{Resource, ResourceAttributes, guarded};
use hallpass::graphql::{Connection, ContextExt as _, DateTime, Id, Page, Result};

impl Resource for Chapter {
    fn attributes(&self) -> ResourceAttributes<'_> {
        ResourceAttributes { is_owner: false, required_tier: Some(&self.0.required_tier) }
    }

    fn row_id(&self) -> String {
        Id::<Self>::new(self.0.id).to_string()
    }
}

/// A course: an ordered list of chapters.
#[guarded(Course, id = CourseId)]
impl Course {
    /// Global ID.
    async fn id(&self) -> Id<Course> {
        Id::new(self.0.id)
    }

    /// Slug: the name in URLs.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Description, in Markdown.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Interest areas.
    async fn interest_areas(&self) -> &[String] {
        self.0.interests.areas()
    }

    /// Whether the course is published. Drafts are visible to editors only.
    async fn published(&self) -> bool {
        self.0.published
    }

    /// Chapters of the course, in order.
    async fn chapters(
        &self,
        ctx: &Context<'_>,
        filter: Option<ChapterFilter>,
        page: Page,
    ) -> Result<Connection<Chapter>> {
        let course = Filter::all().and(chapter::Column::CourseId.is(self.0.id));
        filter.unwrap_or_default().page(ctx, course, IN_COURSE, &page, "Course.chapters").await
    }

    /// Number of chapters.
    async fn chapter_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(i32::try_from(outline(ctx, self.0.id).await?.len()).unwrap_or(i32::MAX))
    }

    /// The caller's progress in the course. Null if no user is signed in.
    #[graphql(guard = "Public", scope = "progress:read")]
    async fn progress(&self, ctx: &Context<'_>) -> Result<Option<CourseProgress>> {
        CourseProgress::of(ctx, self.0.id).await
    }

    /// The chapter that the caller reads: of those begun and not completed the one read last, or else the first that is
    /// not completed. Null if no user is signed in, or if all chapters are completed.
    #[graphql(guard = "Public", scope = "progress:read")]
    async fn current_chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        current_of_course(ctx, self.0.id).await
    }
}

/// A chapter. Its metadata is public; its text requires a tier.
#[guarded(Chapter, id = ChapterId)]
impl Chapter {
    /// Global ID.
    async fn id(&self) -> Id<Chapter> {
        Id::new(self.0.id)
    }

    /// Slug: the name in URLs.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Summary. Public, even if the text is not.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Position in the course, starting at 1.
    async fn ordinal(&self) -> i32 {
        self.0.ordinal
    }

    /// Course of the chapter.
    async fn course(&self, ctx: &Context<'_>) -> Result<Option<Course>> {
        let row = ctx.request_data::<Loaders>().courses.load_one(self.0.course_id).await?;
        visible_courses(ctx).record_courses(ctx, "Chapter.course", &row);
        Ok(row.map(Course))
    }

    /// The next chapter of the course. Null in the last one.
    async fn next(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        neighbor(ctx, (self.0.id, self.0.course_id), 1, "Chapter.next").await
    }

    /// The previous chapter of the course. Null in the first one.
    async fn previous(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        neighbor(ctx, (self.0.id, self.0.course_id), -1, "Chapter.previous").await
    }

    /// Interest areas.
    async fn interest_areas(&self) -> &[String] {
        self.0.interests.areas()
    }

    /// Lowest tier that may read the text.
    async fn required_tier(&self) -> &str {
        &self.0.required_tier
    }

    /// Whether the chapter is published. Drafts are visible to editors only.
    async fn published(&self) -> bool {
        self.0.published
    }

    /// The caller's permissions on the chapter.
    async fn viewer(&self) -> ChapterViewer<'_> {
        ChapterViewer(self.attributes())
    }

    /// The text, in the variant that matches the caller's profile best. Null if the chapter has no text.
    #[graphql(guard = "CHAPTER_READER", scope = "courses:read profile:read")]
    async fn personalized(&self, ctx: &Context<'_>) -> Result<Option<PersonalizedChapter>> {
        let variants = ctx.request_data::<Loaders>().variants.load_one(self.0.id).await?;
        let variants = variants.unwrap_or_default();
        let levels: Vec<_> =
            variants.iter().map(|variant| (variant.level, variant.hardware)).collect();
        let reader = profile(ctx).await?;
        Ok(select_variant(&reader, &levels)
            .map(|chosen| PersonalizedChapter { variant: variants[chosen], reader }))
    }

    /// All variants of the text.
    #[graphql(guard = "COURSE_EDITOR")]
    async fn variants(&self, ctx: &Context<'_>) -> Result<Vec<ChapterVariant>> {
        let variants = ctx.request_data::<Loaders>().variants.load_one(self.0.id).await?;
        Ok(variants.unwrap_or_default().into_iter().map(ChapterVariant::of_head).collect())
    }

    /// The caller's progress. Null if no user is signed in.
    #[graphql(guard = "Public", scope = "progress:read")]
    async fn progress(&self, ctx: &Context<'_>) -> Result<Option<ChapterProgress>> {
        let row = self.own_progress(ctx).await?;
        Ok(ctx.scope().owner().map(|_| ChapterProgress { chapter: self.0.id, row }))
    }

    /// Whether the caller has bookmarked the chapter.
    #[graphql(guard = "Public", scope = "progress:read")]
    async fn bookmarked(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.own_progress(ctx).await?.is_some_and(|progress| progress.bookmarked))
    }
}

impl Chapter {
    async fn own_progress(&self, ctx: &Context<'_>) -> Result<Option<progress::Model>> {
        if ctx.scope().owner().is_none() {
            return Ok(None);
        }
        Ok(ctx.request_data::<Loaders>().progress.load_one(self.0.id).await?)
    }
}

/// A chapter's text, in the variant that matches the caller's profile best.
pub struct PersonalizedChapter {
    reader: Arc<Profile>,
    variant: VariantHead,
}

/// A chapter's text, in the variant that matches the caller's profile best.
#[guarded(PersonalizedChapter)]
impl PersonalizedChapter {
    /// Kind of text for the caller: `advanced-robotics`, `beginner-friendly` or `intermediate`.
    async fn content_level(&self) -> &'static str {
        self.reader.content_level().name()
    }

    /// Kind of text for the caller, as a value of the schema.
    async fn content_level_value(&self) -> ContentLevel {
        self.reader.content_level()
    }

    /// Level in software that the variant is written for.
    async fn level(&self) -> Level {
        self.variant.level.into()
    }

    /// Level in hardware that the variant is written for.
    async fn hardware(&self) -> Level {
        self.variant.hardware.into()
    }

    /// Text, in Markdown.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(body_of(ctx, self.variant).await?.as_ref().to_owned())
    }

    /// Text, as sanitized HTML with footnotes, task lists, alerts, heading anchors and math
    /// (`<span data-math-style>`, for KaTeX or MathJax). Raw HTML is limited to `details`, `summary`, `kbd`, `sub`,
    /// `sup` and `br`; links to `http:`, `https:`, `mailto:` and relative URLs.
    async fn body_html(&self, ctx: &Context<'_>) -> Result<String> {
        let text = body_of(ctx, self.variant).await?;
        let html = ctx.request_data::<Arc<HtmlCache>>();
        Ok(html.get(&text).await.as_ref().to_owned())
    }

    /// Why this variant was selected, in sentences to show to the reader.
    async fn because(&self) -> Vec<String> {
        reasons(&self.reader, (self.variant.level, self.variant.hardware))
    }
}

/// The text of a variant. Empty if the variant was deleted meanwhile.
async fn body_of(ctx: &Context<'_>, variant: VariantHead) -> Result<Arc<str>> {
    let bodies = &ctx.request_data::<Loaders>().bodies;
    let body = bodies.load_one((variant.id, variant.updated_at)).await?;
    Ok(body.unwrap_or_else(|| Arc::from("")))
}

/// A variant of a chapter: its text for one level in software and hardware.
pub struct ChapterVariant {
    variant: VariantHead,
    /// The text, if it is loaded already.
    body: Option<String>,
}

/// A variant of a chapter: its text for one level in software and hardware.
#[guarded(ChapterVariant, id = VariantId)]
impl ChapterVariant {
    /// Global ID.
    async fn id(&self) -> Id<ChapterVariant> {
        Id::new(self.variant.id)
    }

    /// Level in software that the variant is written for.
    async fn level(&self) -> Level {
        self.variant.level.into()
    }

    /// Level in hardware that the variant is written for.
    async fn hardware(&self) -> Level {
        self.variant.hardware.into()
    }

    /// Text, in Markdown.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        match &self.body {
            Some(body) => Ok(body.clone()),
            None => Ok(body_of(ctx, self.variant).await?.as_ref().to_owned()),
        }
    }

    /// Time of the last change.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.variant.updated_at)
    }
}

impl ChapterVariant {
    fn of_head(variant: VariantHead) -> Self {
        Self { variant, body: None }
    }

    pub(crate) fn of(row: variant::Model) -> Self {
        let variant::Model { id, level, hardware, updated_at, body, .. } = row;
        Self { variant: VariantHead { id, level, hardware, updated_at }, body: Some(body) }
    }
}

/// The caller's progress in a chapter.
#[derive(Clone, Debug)]
pub struct ChapterProgress {
    pub(crate) chapter: ChapterId,
    /// None if the caller has neither progress nor a bookmark.
    pub(crate) row: Option<progress::Model>,
}

impl ChapterProgress {
    fn stored_percent(&self) -> i32 {
        self.row.as_ref().map_or(0, |row| row.percent)
    }
}

/// The caller's progress in a chapter.
#[guarded(ChapterProgress)]
impl ChapterProgress {
    /// The chapter. Null if it is no longer visible to the caller.
    #[graphql(guard = "Public", scope = "courses:read")]
    async fn chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        visible_chapter(ctx, self.chapter, "ChapterProgress.chapter").await
    }

    /// Progress in percent, from 0 to 100.
    async fn percent(&self) -> i32 {
        self.stored_percent()
    }

    /// Whether the chapter is completed (100 percent).
    async fn completed(&self) -> bool {
        self.stored_percent() == 100
    }

    /// Time of the last change of `percent`, or of the first bookmark. Null without either.
    async fn updated_at(&self) -> Option<DateTime> {
        self.row.as_ref().map(|row| DateTime(row.updated_at))
    }
}

/// A recommended chapter.
#[derive(SimpleObject)]
pub struct Recommendation {
    /// Chapter.
    pub chapter: Chapter,
    /// Why the chapter is recommended, in sentences to show to the reader.
    pub because: Vec<String>,
}
