//! Inputs of course and chapter editing, with their validation.

use async_graphql::{InputObject, MaybeUndefined};
use hallpass::data::Set;
use hallpass_entity::interest::Interests;
use hallpass_entity::{chapter, course, variant};

use crate::domains::learners::Level;
use hallpass::graphql::{Constrained, Constraint, Result, Validator};
use hallpass::identity::Tiers;

const SLUG: Constraint<'_> = Constraint::text(1, 100)
    .pattern("^[a-z0-9]+(-[a-z0-9]+)*$", "join lower-case words with hyphens, such as first-steps");
const TITLE: Constraint<'_> = Constraint::text(1, 200);
const DESCRIPTION: Constraint<'_> = Constraint::text(0, 10_000);
const SUMMARY: Constraint<'_> = Constraint::text(0, 2_000);
const BODY: Constraint<'_> = Constraint::text(1, 100_000);
const ORDINAL: Constraint<'_> = Constraint::number(1, 100_000);
const AREAS: Constraint<'_> = Constraint::text(1, 40)
    .max_items(20)
    .pattern("^[^|]*$", "leave out |: give each area on its own");

/// A new course.
#[derive(Clone, Debug, InputObject)]
pub struct CreateCourseInput {
    /// Slug: the name in URLs, unique among courses. Lower-case words joined by hyphens, at most 100 characters.
    #[graphql(directive = Constrained::apply(SLUG))]
    pub slug: String,
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE))]
    pub title: String,
    /// Description in Markdown, at most 10,000 characters.
    #[graphql(default, directive = Constrained::apply(DESCRIPTION))]
    pub description: String,
    /// Interest areas, at most 20 of at most 40 characters each, without `|`.
    #[graphql(default, directive = Constrained::apply(AREAS))]
    pub interest_areas: Vec<String>,
}

/// Changes to a course. Omitted fields keep their value.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateCourseInput {
    /// Slug: the name in URLs, unique among courses. Lower-case words joined by hyphens, at most 100 characters.
    #[graphql(directive = Constrained::apply(SLUG.not_null()))]
    pub slug: MaybeUndefined<String>,
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE.not_null()))]
    pub title: MaybeUndefined<String>,
    /// Description in Markdown, at most 10,000 characters. Null removes it.
    #[graphql(directive = Constrained::apply(DESCRIPTION))]
    pub description: MaybeUndefined<String>,
    /// Interest areas, at most 20 of at most 40 characters each, without `|`. Replaces all interest areas. Null
    /// removes them.
    #[graphql(directive = Constrained::apply(AREAS))]
    pub interest_areas: MaybeUndefined<Vec<String>>,
}

impl CreateCourseInput {
    pub(crate) fn check(self) -> Result<course::ActiveModel> {
        let update = UpdateCourseInput {
            slug: MaybeUndefined::Value(self.slug),
            title: MaybeUndefined::Value(self.title),
            description: MaybeUndefined::Value(self.description),
            interest_areas: MaybeUndefined::Value(self.interest_areas),
        };
        update.check()
    }
}

impl UpdateCourseInput {
    pub(crate) fn check(self) -> Result<course::ActiveModel> {
        let mut validator = Validator::default();
        let mut values = course::ActiveModel::default();
        if let Some(text) = validator.not_null("input.slug", self.slug) {
            values.slug = Set(validator.text("input.slug", &text, &SLUG));
        }
        if let Some(text) = validator.not_null("input.title", self.title) {
            values.title = Set(validator.text("input.title", &text, &TITLE));
        }
        if let Some(text) = null_as_default(self.description) {
            let path = "input.description";
            values.description = Set(validator.markdown(path, text, &DESCRIPTION));
        }
        if let Some(areas) = null_as_default(self.interest_areas) {
            values.interests = Set(interests(&mut validator, &areas));
        }
        validator.finish()?;
        Ok(values)
    }
}

/// A new chapter.
#[derive(Clone, Debug, InputObject)]
pub struct CreateChapterInput {
    /// Slug: the name in URLs, unique among the chapters of all courses. Lower-case words joined by hyphens, at
    /// most 100 characters.
    #[graphql(directive = Constrained::apply(SLUG))]
    pub slug: String,
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE))]
    pub title: String,
    /// Summary, at most 2,000 characters. Public, even if the text is not.
    #[graphql(default, directive = Constrained::apply(SUMMARY))]
    pub summary: String,
    /// Position in the course, starting at 1. By default, after the last chapter.
    #[graphql(directive = Constrained::apply(ORDINAL))]
    pub ordinal: Option<i32>,
    /// Interest areas, at most 20 of at most 40 characters each, without `|`.
    #[graphql(default, directive = Constrained::apply(AREAS))]
    pub interest_areas: Vec<String>,
    /// Lowest tier that may read the text. One of the configured tiers.
    pub required_tier: String,
}

/// Changes to a chapter. Omitted fields keep their value.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateChapterInput {
    /// Slug: the name in URLs, unique among the chapters of all courses. Lower-case words joined by hyphens, at
    /// most 100 characters.
    #[graphql(directive = Constrained::apply(SLUG.not_null()))]
    pub slug: MaybeUndefined<String>,
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE.not_null()))]
    pub title: MaybeUndefined<String>,
    /// Summary, at most 2,000 characters. Public, even if the text is not. Null removes it.
    #[graphql(directive = Constrained::apply(SUMMARY))]
    pub summary: MaybeUndefined<String>,
    /// Position in the course, starting at 1. Of two chapters in one position, the older comes first.
    #[graphql(directive = Constrained::apply(ORDINAL.not_null()))]
    pub ordinal: MaybeUndefined<i32>,
    /// Interest areas, at most 20 of at most 40 characters each, without `|`. Replaces all interest areas. Null
    /// removes them.
    #[graphql(directive = Constrained::apply(AREAS))]
    pub interest_areas: MaybeUndefined<Vec<String>>,
    /// Lowest tier that may read the text. One of the configured tiers.
    #[graphql(directive = Constrained::apply(Constraint::NONE.not_null()))]
    pub required_tier: MaybeUndefined<String>,
}

impl CreateChapterInput {
    /// Validates the input. The ordinal is unset if none was given.
    pub(crate) fn check(self, tiers: &Tiers) -> Result<chapter::ActiveModel> {
        let update = UpdateChapterInput {
            slug: MaybeUndefined::Value(self.slug),
            title: MaybeUndefined::Value(self.title),
            summary: MaybeUndefined::Value(self.summary),
            ordinal: self.ordinal.map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
            interest_areas: MaybeUndefined::Value(self.interest_areas),
            required_tier: MaybeUndefined::Value(self.required_tier),
        };
        update.check(tiers)
    }
}

impl UpdateChapterInput {
    pub(crate) fn check(self, tiers: &Tiers) -> Result<chapter::ActiveModel> {
        let mut validator = Validator::default();
        let mut values = chapter::ActiveModel::default();
        if let Some(text) = validator.not_null("input.slug", self.slug) {
            values.slug = Set(validator.text("input.slug", &text, &SLUG));
        }
        if let Some(text) = validator.not_null("input.title", self.title) {
            values.title = Set(validator.text("input.title", &text, &TITLE));
        }
        if let Some(text) = null_as_default(self.summary) {
            values.summary = Set(validator.text("input.summary", &text, &SUMMARY));
        }
        if let Some(ordinal) = validator.not_null("input.ordinal", self.ordinal) {
            validator.number("input.ordinal", ordinal, &ORDINAL);
            values.ordinal = Set(ordinal);
        }
        if let Some(areas) = null_as_default(self.interest_areas) {
            values.interests = Set(interests(&mut validator, &areas));
        }
        if let Some(tier) = validator.not_null("input.requiredTier", self.required_tier) {
            values.required_tier = Set(self::tier(&mut validator, tiers, tier));
        }
        validator.finish()?;
        Ok(values)
    }
}

/// A variant of a chapter. Replaces the variant for the same levels, if any.
#[derive(Clone, Debug, InputObject)]
pub struct ChapterVariantInput {
    /// Level in software that the variant is written for.
    pub level: Level,
    /// Level in hardware that the variant is written for.
    pub hardware: Level,
    /// Text in Markdown, 1 to 100,000 characters. Stored unchanged.
    #[graphql(directive = Constrained::apply(BODY))]
    pub body: String,
}

impl ChapterVariantInput {
    pub(crate) fn check(self) -> Result<variant::ActiveModel> {
        let mut validator = Validator::default();
        let values = variant::ActiveModel {
            level: Set(self.level.into()),
            hardware: Set(self.hardware.into()),
            body: Set(validator.markdown("input.body", self.body, &BODY)),
            ..Default::default()
        };
        validator.finish()?;
        Ok(values)
    }
}

/// The new value of a field that null removes. None if the field is omitted.
fn null_as_default<T: Default>(value: MaybeUndefined<T>) -> Option<T> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(T::default()),
        MaybeUndefined::Value(value) => Some(value),
    }
}

fn interests(validator: &mut Validator, areas: &[String]) -> Interests {
    Interests::new(validator.string_list("input.interestAreas", areas, &AREAS))
}

fn tier(validator: &mut Validator, tiers: &Tiers, tier: String) -> String {
    let names = tiers.names();
    if !names.contains(&tier) {
        validator.add_error("input.requiredTier", format!("use one of {}", names.join(", ")));
    }
    tier
}
