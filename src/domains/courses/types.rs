//! How courses and chapters look from outside.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use hallpass_entity::{ChapterId, chapter, course, progress, variant};

use super::html::HtmlCache;
use super::loaders::{Loaders, VariantHead};
use super::personalize::select_variant;
use super::viewer::ChapterViewer;
use super::visible_courses::catalogue;
use crate::access::Rule::Public;
use crate::access::{EDITOR, READER, Resource, ResourceAttributes, guarded, semantic_non_null};
use crate::domains::learners::{Level, profile};
use crate::graphql::{ContextExt as _, DateTime, NullOnError, Result, encode_id};

/// The name under which courses have global ids.
pub(crate) const COURSE: &str = "Course";
/// The name under which chapters have global ids.
pub(crate) const CHAPTER: &str = "Chapter";
const VARIANT: &str = "ChapterVariant";

/// A course.
pub type Course = NullOnError<CourseFields>;
/// A chapter.
pub type Chapter = NullOnError<ChapterFields>;

/// The row behind a [`Course`].
#[derive(Clone, Debug)]
pub struct CourseFields(course::Model);

/// The row behind a [`Chapter`].
#[derive(Clone, Debug)]
pub struct ChapterFields(pub(crate) chapter::Model);

impl CourseFields {
    pub(crate) fn row(&self) -> &course::Model {
        &self.0
    }
}

impl From<course::Model> for Course {
    fn from(row: course::Model) -> Self {
        Self(CourseFields(row))
    }
}

impl From<chapter::Model> for Chapter {
    fn from(row: chapter::Model) -> Self {
        Self(ChapterFields(row))
    }
}

impl Resource for ChapterFields {
    fn facts(&self) -> ResourceAttributes<'_> {
        ResourceAttributes { is_owner: false, required_tier: Some(&self.0.required_tier) }
    }

    fn row_id(&self) -> String {
        encode_id(CHAPTER, self.0.id).0
    }
}

/// Chapters that belong together.
#[Object(name = "Course")]
impl CourseFields {
    /// The global id.
    pub async fn id(&self) -> ID {
        encode_id(COURSE, self.0.id)
    }

    /// The name in addresses.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The name for people.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it is about, in Markdown.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Whom it is for.
    async fn interest_areas(&self) -> &[String] {
        self.0.interests.areas()
    }

    /// Whether everyone may see it.
    async fn published(&self) -> bool {
        self.0.published
    }
}

/// A chapter. Everyone sees that it is there; its text has a tier.
#[guarded(Chapter)]
#[Object(name = "Chapter")]
impl ChapterFields {
    /// The global id.
    pub async fn id(&self) -> ID {
        encode_id(CHAPTER, self.0.id)
    }

    /// The name in addresses.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// The name for people.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it is about, for those who may not read it too.
    async fn summary(&self) -> &str {
        &self.0.summary
    }

    /// The place in the course, from 1.
    async fn ordinal(&self) -> i32 {
        self.0.ordinal
    }

    /// The course it is part of.
    async fn course(&self, ctx: &Context<'_>) -> Result<Option<Course>> {
        let row = ctx.data_unchecked::<Loaders>().courses.load_one(self.0.course_id).await?;
        catalogue(ctx).record_courses(ctx, "Chapter.course", &row);
        Ok(row.map(Course::from))
    }

    /// Whom it is for.
    async fn interest_areas(&self) -> &[String] {
        self.0.interests.areas()
    }

    /// The lowest tier that may read it.
    async fn required_tier(&self) -> &str {
        &self.0.required_tier
    }

    /// Whether everyone may see that it exists.
    async fn published(&self) -> bool {
        self.0.published
    }

    /// What the caller may do with it.
    async fn viewer(&self) -> ChapterViewer<'_> {
        ChapterViewer(self.facts())
    }

    /// The text, in the form that suits the caller best; null when none is written yet.
    #[graphql(guard = "READER", scope = "courses:read profile:read")]
    async fn personalized(&self, ctx: &Context<'_>) -> Result<Option<PersonalizedChapter>> {
        let forms = ctx.data_unchecked::<Loaders>().forms.load_one(self.0.id).await?;
        let forms = forms.unwrap_or_default();
        let levels: Vec<_> = forms.iter().map(|form| (form.level, form.hardware)).collect();
        let reader = profile(ctx).await?;
        Ok(select_variant(&reader, &levels).map(|choice| {
            NullOnError(PersonalizedFields {
                content_level: reader.content_level(),
                form: forms[choice.index],
                because: choice.because,
            })
        }))
    }

    /// Every form in which it is written.
    #[graphql(guard = "EDITOR", directive = semantic_non_null::apply())]
    async fn variants(&self, ctx: &Context<'_>) -> Result<Option<Vec<ChapterVariant>>> {
        let forms = ctx.data_unchecked::<Loaders>().forms.load_one(self.0.id).await?;
        Ok(Some(forms.unwrap_or_default().into_iter().map(ChapterVariant::from).collect()))
    }

    /// How far the caller has come, who alone learns of it; null when no user is signed in.
    #[graphql(guard = "Public", scope = "progress:read")]
    async fn progress(&self, ctx: &Context<'_>) -> Result<Option<ChapterProgress>> {
        let row = self.own_progress(ctx).await?;
        Ok(ctx.scope().owner().map(|_| ProgressFields::new(self.0.id, row)))
    }

    /// Whether the caller marked it to come back to.
    #[graphql(guard = "Public", scope = "progress:read", directive = semantic_non_null::apply())]
    async fn bookmarked(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        Ok(Some(self.own_progress(ctx).await?.is_some_and(|progress| progress.bookmarked)))
    }
}

impl ChapterFields {
    pub(crate) fn row(&self) -> &chapter::Model {
        &self.0
    }

    async fn own_progress(&self, ctx: &Context<'_>) -> Result<Option<progress::Model>> {
        if ctx.scope().owner().is_none() {
            return Ok(None);
        }
        Ok(ctx.data_unchecked::<Loaders>().progress.load_one(self.0.id).await?)
    }
}

/// A chapter's text, in the form that suits the caller.
pub type PersonalizedChapter = NullOnError<PersonalizedFields>;

/// What is behind a [`PersonalizedChapter`].
pub struct PersonalizedFields {
    content_level: &'static str,
    form: VariantHead,
    because: Vec<String>,
}

/// A chapter's text, in the form that suits the caller.
#[Object(name = "PersonalizedChapter")]
impl PersonalizedFields {
    /// Which kind of text suits the caller: `advanced-robotics`, `beginner-friendly` or
    /// `intermediate`.
    async fn content_level(&self) -> &'static str {
        self.content_level
    }

    /// The software experience this form is written for.
    async fn level(&self) -> Level {
        self.form.level.into()
    }

    /// The hardware experience this form is written for.
    async fn hardware(&self) -> Level {
        self.form.hardware.into()
    }

    /// The text, in Markdown.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(body_of(ctx, self.form).await?.as_ref().to_owned())
    }

    /// The text as HTML that is safe to show, with footnotes, task lists, alerts, headings that links can
    /// name, and math (`<span data-math-style>`, for KaTeX or MathJax). Of raw HTML, `details`, `summary`, `kbd`,
    /// `sub`, `sup` and `br` are kept; of links, those to `http:`, `https:` and `mailto:` and relative ones.
    async fn body_html(&self, ctx: &Context<'_>) -> Result<String> {
        let text = body_of(ctx, self.form).await?;
        let html = ctx.data_unchecked::<Arc<HtmlCache>>();
        Ok(html.get(&text).await.as_ref().to_owned())
    }

    /// Why this form was chosen.
    async fn because(&self) -> &[String] {
        &self.because
    }
}

/// The text of a form. One that is gone meanwhile has none.
async fn body_of(ctx: &Context<'_>, form: VariantHead) -> Result<Arc<str>> {
    let bodies = &ctx.data_unchecked::<Loaders>().bodies;
    let body = bodies.load_one((form.id, form.updated_at)).await?;
    Ok(body.unwrap_or_else(|| Arc::from("")))
}

/// One written form of a chapter.
pub type ChapterVariant = NullOnError<VariantFields>;

/// What is behind a [`ChapterVariant`].
pub struct VariantFields {
    form: VariantHead,
    /// Where the text is at hand already.
    body: Option<String>,
}

/// One written form of a chapter.
#[Object(name = "ChapterVariant")]
impl VariantFields {
    /// The global id.
    async fn id(&self) -> ID {
        encode_id(VARIANT, self.form.id)
    }

    /// The software experience it is written for.
    async fn level(&self) -> Level {
        self.form.level.into()
    }

    /// The hardware experience it is written for.
    async fn hardware(&self) -> Level {
        self.form.hardware.into()
    }

    /// The text, in Markdown.
    async fn body(&self, ctx: &Context<'_>) -> Result<String> {
        match &self.body {
            Some(body) => Ok(body.clone()),
            None => Ok(body_of(ctx, self.form).await?.as_ref().to_owned()),
        }
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.form.updated_at)
    }
}

impl From<VariantHead> for ChapterVariant {
    fn from(form: VariantHead) -> Self {
        Self(VariantFields { form, body: None })
    }
}

impl From<variant::Model> for ChapterVariant {
    fn from(row: variant::Model) -> Self {
        let variant::Model { id, level, hardware, updated_at, body, .. } = row;
        Self(VariantFields {
            form: VariantHead { id, level, hardware, updated_at },
            body: Some(body),
        })
    }
}

/// How far the caller has come in a chapter.
pub type ChapterProgress = NullOnError<ProgressFields>;

/// The chapter and the row behind a [`ChapterProgress`].
#[derive(Clone, Debug)]
pub struct ProgressFields {
    chapter: ChapterId,
    /// None where nothing is noted.
    row: Option<progress::Model>,
}

impl ProgressFields {
    pub(crate) fn new(chapter: ChapterId, row: Option<progress::Model>) -> ChapterProgress {
        NullOnError(Self { chapter, row })
    }

    fn read(&self) -> i32 {
        self.row.as_ref().map_or(0, |row| row.percent)
    }
}

/// How far the caller has come in a chapter.
#[guarded(ChapterProgress)]
#[Object(name = "ChapterProgress")]
impl ProgressFields {
    /// The chapter; null when it is not there for the caller any more.
    #[graphql(guard = "Public", scope = "courses:read")]
    async fn chapter(&self, ctx: &Context<'_>) -> Result<Option<Chapter>> {
        let row = ctx.data_unchecked::<Loaders>().chapters.load_one(self.chapter).await?;
        catalogue(ctx).record_chapters(ctx, "ChapterProgress.chapter", &row);
        Ok(row.map(Chapter::from))
    }

    /// How much is read, from 0 to 100.
    async fn percent(&self) -> i32 {
        self.read()
    }

    /// Whether all of it is read.
    async fn completed(&self) -> bool {
        self.read() == 100
    }

    /// When that last changed, or the chapter was first marked; null when neither was.
    async fn updated_at(&self) -> Option<DateTime> {
        self.row.as_ref().map(|row| DateTime(row.updated_at))
    }
}

/// A chapter worth reading next.
#[derive(SimpleObject)]
pub struct Recommendation {
    /// The chapter.
    pub chapter: Chapter,
    /// Why it is worth reading.
    pub because: Vec<String>,
}
