//! What may be said of a course and its chapters, and how it is checked.

use async_graphql::{InputObject, MaybeUndefined};
use hallpass_entity::interest::Interests;
use hallpass_entity::{Set, chapter, course, variant};

use crate::domains::learners::Level;
use crate::graphql::{Result, Validator};
use crate::identity::Tiers;

const LONGEST_SLUG: usize = 100;
const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 10_000;
const LONGEST_SUMMARY: usize = 2_000;
const LONGEST_BODY: usize = 100_000;
const LONGEST_AREA: usize = 40;
const MOST_AREAS: usize = 20;
const LAST_PLACE: i32 = 100_000;

/// A new course.
#[derive(Clone, Debug, InputObject)]
pub struct CreateCourseInput {
    /// The name in addresses, which no other course has: lower-case words joined by hyphens, at most
    /// 100 characters.
    pub slug: String,
    /// The name for people: 1 to 200 characters.
    pub title: String,
    /// What it is about, in Markdown: at most 10,000 characters.
    #[graphql(default)]
    pub description: String,
    /// Whom it is for: at most 20 areas of at most 40 characters, without `|`.
    #[graphql(default)]
    pub interest_areas: Vec<String>,
}

/// Changes to a course. What is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateCourseInput {
    /// The name in addresses, which no other course has: lower-case words joined by hyphens, at most
    /// 100 characters.
    pub slug: MaybeUndefined<String>,
    /// The name for people: 1 to 200 characters.
    pub title: MaybeUndefined<String>,
    /// What it is about, in Markdown, at most 10,000 characters; null removes it.
    pub description: MaybeUndefined<String>,
    /// Whom it is for, in place of those there: at most 20 areas of at most 40 characters, without
    /// `|`; null removes them.
    pub interest_areas: MaybeUndefined<Vec<String>>,
}

impl CreateCourseInput {
    pub(crate) fn check(self) -> Result<course::ActiveModel> {
        let everything = UpdateCourseInput {
            slug: MaybeUndefined::Value(self.slug),
            title: MaybeUndefined::Value(self.title),
            description: MaybeUndefined::Value(self.description),
            interest_areas: MaybeUndefined::Value(self.interest_areas),
        };
        everything.check()
    }
}

impl UpdateCourseInput {
    pub(crate) fn check(self) -> Result<course::ActiveModel> {
        let mut checks = Validator::default();
        let mut values = course::ActiveModel::default();
        if let Some(text) = checks.not_null("input.slug", self.slug) {
            values.slug = Set(slug(&mut checks, &text));
        }
        if let Some(text) = checks.not_null("input.title", self.title) {
            values.title = Set(checks.text("input.title", &text, 1, LONGEST_TITLE));
        }
        if let Some(text) = or_nothing(self.description) {
            let path = "input.description";
            values.description = Set(checks.markdown(path, text, 0, LONGEST_DESCRIPTION));
        }
        if let Some(areas) = or_nothing(self.interest_areas) {
            values.interests = Set(interests(&mut checks, &areas));
        }
        checks.finish()?;
        Ok(values)
    }
}

/// A new chapter.
#[derive(Clone, Debug, InputObject)]
pub struct CreateChapterInput {
    /// The name in addresses, which no other chapter of any course has: lower-case words joined by
    /// hyphens, at most 100 characters.
    pub slug: String,
    /// The name for people: 1 to 200 characters.
    pub title: String,
    /// What it is about, for those who may not read it too: at most 2,000 characters.
    #[graphql(default)]
    pub summary: String,
    /// The place in the course, from 1; after the last chapter unless said otherwise.
    pub ordinal: Option<i32>,
    /// Whom it is for: at most 20 areas of at most 40 characters, without `|`.
    #[graphql(default)]
    pub interest_areas: Vec<String>,
    /// The lowest tier that may read it: one of those that the server is set up with.
    pub required_tier: String,
}

/// Changes to a chapter. What is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateChapterInput {
    /// The name in addresses, which no other chapter of any course has: lower-case words joined by
    /// hyphens, at most 100 characters.
    pub slug: MaybeUndefined<String>,
    /// The name for people: 1 to 200 characters.
    pub title: MaybeUndefined<String>,
    /// What it is about, for those who may not read it too, at most 2,000 characters; null removes it.
    pub summary: MaybeUndefined<String>,
    /// The place in the course, from 1. Of two chapters in one place, the older comes first.
    pub ordinal: MaybeUndefined<i32>,
    /// Whom it is for, in place of those there: at most 20 areas of at most 40 characters, without
    /// `|`; null removes them.
    pub interest_areas: MaybeUndefined<Vec<String>>,
    /// The lowest tier that may read it: one of those that the server is set up with.
    pub required_tier: MaybeUndefined<String>,
}

impl CreateChapterInput {
    /// Without an ordinal where none was given.
    pub(crate) fn check(self, tiers: &Tiers) -> Result<chapter::ActiveModel> {
        let everything = UpdateChapterInput {
            slug: MaybeUndefined::Value(self.slug),
            title: MaybeUndefined::Value(self.title),
            summary: MaybeUndefined::Value(self.summary),
            ordinal: self.ordinal.map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            interest_areas: MaybeUndefined::Value(self.interest_areas),
            required_tier: MaybeUndefined::Value(self.required_tier),
        };
        everything.check(tiers)
    }
}

impl UpdateChapterInput {
    pub(crate) fn check(self, tiers: &Tiers) -> Result<chapter::ActiveModel> {
        let mut checks = Validator::default();
        let mut values = chapter::ActiveModel::default();
        if let Some(text) = checks.not_null("input.slug", self.slug) {
            values.slug = Set(slug(&mut checks, &text));
        }
        if let Some(text) = checks.not_null("input.title", self.title) {
            values.title = Set(checks.text("input.title", &text, 1, LONGEST_TITLE));
        }
        if let Some(text) = or_nothing(self.summary) {
            values.summary = Set(checks.text("input.summary", &text, 0, LONGEST_SUMMARY));
        }
        if let Some(ordinal) = checks.not_null("input.ordinal", self.ordinal) {
            values.ordinal = Set(place(&mut checks, ordinal));
        }
        if let Some(areas) = or_nothing(self.interest_areas) {
            values.interests = Set(interests(&mut checks, &areas));
        }
        if let Some(tier) = checks.not_null("input.requiredTier", self.required_tier) {
            values.required_tier = Set(known_tier(&mut checks, tiers, tier));
        }
        checks.finish()?;
        Ok(values)
    }
}

/// One written form of a chapter, in place of the one for the same readers, if there is one.
#[derive(Clone, Debug, InputObject)]
pub struct ChapterVariantInput {
    /// The software experience it is written for.
    pub level: Level,
    /// The hardware experience it is written for.
    pub hardware: Level,
    /// The text, in Markdown: 1 to 100,000 characters, kept as they are.
    pub body: String,
}

impl ChapterVariantInput {
    pub(crate) fn check(self) -> Result<variant::ActiveModel> {
        let mut checks = Validator::default();
        let values = variant::ActiveModel {
            level: Set(self.level.into()),
            hardware: Set(self.hardware.into()),
            body: Set(checks.markdown("input.body", self.body, 1, LONGEST_BODY)),
            ..Default::default()
        };
        checks.finish()?;
        Ok(values)
    }
}

/// The value of what null removes.
fn or_nothing<T: Default>(value: MaybeUndefined<T>) -> Option<T> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(T::default()),
        MaybeUndefined::Value(value) => Some(value),
    }
}

fn slug(checks: &mut Validator, text: &str) -> String {
    let slug = checks.text("input.slug", text, 1, LONGEST_SLUG);
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !slug.is_empty() && !slug.split('-').all(is_word) {
        checks.add_error("input.slug", "join lower-case words with hyphens, such as first-steps");
    }
    slug
}

fn place(checks: &mut Validator, ordinal: i32) -> i32 {
    let message = format!("give a place from 1 to {LAST_PLACE}");
    checks.number("input.ordinal", ordinal, &(1..=LAST_PLACE), message);
    ordinal
}

fn interests(checks: &mut Validator, areas: &[String]) -> Interests {
    let areas = checks.string_list("input.interestAreas", areas, LONGEST_AREA, MOST_AREAS);
    if areas.iter().any(|area| area.contains(Interests::SEPARATOR)) {
        let message = format!("leave out {}: give each area on its own", Interests::SEPARATOR);
        checks.add_error("input.interestAreas", message);
    }
    Interests::new(areas)
}

fn known_tier(checks: &mut Validator, tiers: &Tiers, tier: String) -> String {
    let names = tiers.names();
    if !names.contains(&tier) {
        checks.add_error("input.requiredTier", format!("use one of {}", names.join(", ")));
    }
    tier
}
