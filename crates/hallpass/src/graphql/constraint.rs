//! Constraints on inputs, such as a maximum length. The schema states them by `@constraint`; a [`Validator`] enforces
//! them.
//!
//! [`Validator`]: super::Validator

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::location_traits::{
    Directive_At_ARGUMENT_DEFINITION, Directive_At_INPUT_FIELD_DEFINITION,
};
use async_graphql::registry::{
    __DirectiveLocation, MetaDirective, MetaDirectiveInvocation, MetaInputValue, Registry,
};
use async_graphql::{TypeDirective, Value};
use regex::Regex;

use super::date_time::year;
use super::input_problem::{InputProblem, ProblemKind};

/// Name of the directive.
const DIRECTIVE: &str = "constraint";

/// A constraint on an input. Of a list of texts, it applies to each text.
///
/// ```
/// use async_graphql::InputObject;
/// use hallpass::graphql::{Constrained, Constraint, Result, Validator};
///
/// const TITLE: Constraint = Constraint::text(1, 200);
/// const TAGS: Constraint = Constraint::text(1, 40).max_items(20);
///
/// #[derive(InputObject)]
/// struct NewNote {
///     /// Title.
///     #[graphql(directive = Constrained::apply(TITLE))]
///     title: String,
///     /// Tags.
///     #[graphql(directive = Constrained::apply(TAGS))]
///     tags: Vec<String>,
/// }
///
/// fn check(input: &NewNote) -> Result<(String, Vec<String>)> {
///     let mut validator = Validator::default();
///     let title = validator.text("input.title", &input.title, &TITLE);
///     let tags = validator.string_list("input.tags", &input.tags, &TAGS);
///     validator.finish()?;
///     Ok((title, tags))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Constraint<'a> {
    /// Minimum length of a text, in characters.
    min_length: Option<i32>,
    /// Maximum length of a text, in characters.
    max_length: Option<i32>,
    /// Maximum number of items of a list.
    max_items: Option<i32>,
    /// Minimum of a number.
    min: Option<i32>,
    /// Maximum of a number.
    max: Option<i32>,
    /// First year of a date or a time, in UTC.
    min_year: Option<i32>,
    /// Last year of a date or a time, in UTC.
    max_year: Option<i32>,
    /// Regular expression that a text matches, unless it is blank.
    pattern: Option<&'a str>,
    /// How to write a text that matches `pattern`.
    hint: Option<&'a str>,
    /// Whether null is rejected, although the input may be omitted.
    not_null: bool,
    /// Name of the input that must not be given beside this one.
    excludes: Option<&'a str>,
}

impl<'a> Constraint<'a> {
    /// No constraint.
    pub const NONE: Self = Self {
        min_length: None,
        max_length: None,
        max_items: None,
        min: None,
        max: None,
        min_year: None,
        max_year: None,
        pattern: None,
        hint: None,
        not_null: false,
        excludes: None,
    };

    /// A text from `min` to `max` characters long.
    #[must_use]
    pub const fn text(min: i32, max: i32) -> Self {
        let min_length = if min > 0 { Some(min) } else { None };
        Self { min_length, max_length: Some(max), ..Self::NONE }
    }

    /// A number from `min` to `max`.
    #[must_use]
    pub const fn number(min: i32, max: i32) -> Self {
        Self { min: Some(min), max: Some(max), ..Self::NONE }
    }

    /// A date or a time in the years from `min` to `max`, in UTC.
    #[must_use]
    pub const fn years(min: i32, max: i32) -> Self {
        Self { min_year: Some(min), max_year: Some(max), ..Self::NONE }
    }

    /// A list of at most `max` items.
    #[must_use]
    pub const fn max_items(self, max: i32) -> Self {
        Self { max_items: Some(max), ..self }
    }

    /// A text that matches the regular expression `pattern`, unless it is blank. `hint` describes it.
    #[must_use]
    pub const fn pattern(self, pattern: &'a str, hint: &'a str) -> Self {
        Self { pattern: Some(pattern), hint: Some(hint), ..self }
    }

    /// Rejects null where the input may be omitted.
    #[must_use]
    pub const fn not_null(self) -> Self {
        Self { not_null: true, ..self }
    }

    /// Rejects the input beside the input `other`, unless one of them is null.
    #[must_use]
    pub const fn excludes(self, other: &'a str) -> Self {
        Self { excludes: Some(other), ..self }
    }

    /// The constraint that the directives of an input state.
    pub(crate) fn of(directives: &'a [MetaDirectiveInvocation]) -> Self {
        let stated = directives.iter().find(|directive| directive.name == DIRECTIVE);
        stated.map_or(Self::NONE, |directive| Self::from_arguments(&directive.args))
    }

    fn from_arguments(arguments: &'a IndexMap<String, Value>) -> Self {
        let number = |name| match arguments.get(name) {
            Some(Value::Number(number)) => {
                number.as_i64().and_then(|number| i32::try_from(number).ok())
            }
            _ => None,
        };
        let text = |name| match arguments.get(name) {
            Some(Value::String(text)) => Some(text.as_str()),
            _ => None,
        };
        Self {
            min_length: number("minLength"),
            max_length: number("maxLength"),
            max_items: number("maxItems"),
            min: number("min"),
            max: number("max"),
            min_year: number("minYear"),
            max_year: number("maxYear"),
            pattern: text("pattern"),
            hint: text("hint"),
            not_null: matches!(arguments.get("notNull"), Some(Value::Boolean(true))),
            excludes: text("excludes"),
        }
    }

    /// The problem of `text` at `path`, if any. `text` is trimmed.
    pub(crate) fn of_text(&self, path: &str, text: &str) -> Option<InputProblem> {
        let problem = |kind, message: &str| InputProblem::new(path, kind, message);
        let length = text.chars().count();
        if text.contains('\0') {
            // PostgreSQL cannot store it.
            return Some(problem(ProblemKind::Invalid, "remove the NUL character"));
        }
        if at_least(self.min_length).is_some_and(|min| length < min) {
            return Some(problem(ProblemKind::Required, "this is required"));
        }
        if let Some(max) = at_least(self.max_length).filter(|max| length > *max) {
            let message = format!("use at most {max} characters: this text has {length}");
            return Some(problem(ProblemKind::TooLong, &message).beyond(max));
        }
        let matches = |pattern: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        let is_valid = text.is_empty() || self.pattern.is_none_or(matches);
        let hint = self.hint.unwrap_or("this text has another form");
        (!is_valid).then(|| problem(ProblemKind::Invalid, hint))
    }

    /// The problem of `number` at `path`, if any.
    pub(crate) fn of_number(&self, path: &str, number: i64) -> Option<InputProblem> {
        let message = |min, max| format!("give a number from {min} to {max}");
        out_of_range(path, number, self.min, self.max, message)
    }

    /// The problem of a date or a time of `year` at `path`, if any.
    pub(crate) fn of_year(&self, path: &str, year: i32) -> Option<InputProblem> {
        let message = |min, max| format!("give a date in the years {min} to {max}");
        out_of_range(path, year.into(), self.min_year, self.max_year, message)
    }

    /// The problem of a list of `count` items at `path`, if any.
    pub(crate) fn of_count(&self, path: &str, count: usize) -> Option<InputProblem> {
        let max = at_least(self.max_items).filter(|max| count > *max)?;
        let message = format!("give at most {max}");
        Some(InputProblem::new(path, ProblemKind::TooMany, message).beyond(max))
    }

    /// How many of `count` items are checked: the allowed ones.
    #[must_use]
    pub fn counted(&self, count: usize) -> usize {
        at_least(self.max_items).map_or(count, |max| count.min(max))
    }

    /// The problem of null at `path`, if any.
    pub(crate) fn of_null(&self, path: &str) -> Option<InputProblem> {
        let message = "must not be null: leave it out to keep its value";
        self.not_null.then(|| InputProblem::new(path, ProblemKind::Required, message))
    }

    /// The problem of an input at `path` beside an input that excludes it, if any. `is_given`: whether the input of a name
    /// is given.
    pub(crate) fn of_others(
        &self,
        path: &str,
        is_given: impl FnOnce(&str) -> bool,
    ) -> Option<InputProblem> {
        let other = self.excludes.filter(|other| is_given(other))?;
        let name = path.rsplit('.').next().unwrap_or(path);
        let message = format!("give `{other}` or `{name}`, not both");
        Some(InputProblem::new(path, ProblemKind::Conflicting, message))
    }

    /// The problem of `value`, which is neither null, a list nor an object, if any.
    pub(crate) fn of_value(&self, path: &str, value: &Value) -> Option<InputProblem> {
        match value {
            Value::String(_) if self.min_year.is_some() => self.of_year(path, year(value)?),
            Value::String(text) if *self != Self::NONE => self.of_text(path, text.trim()),
            Value::Number(number) => self.of_number(path, number.as_i64()?),
            _ => None,
        }
    }
}

fn at_least(length: Option<i32>) -> Option<usize> {
    length.and_then(|length| usize::try_from(length).ok())
}

fn out_of_range(
    path: &str,
    number: i64,
    min: Option<i32>,
    max: Option<i32>,
    message: impl FnOnce(i32, i32) -> String,
) -> Option<InputProblem> {
    let (min, max) = (min?, max?);
    let bound = match number {
        _ if number < min.into() => min,
        _ if number > max.into() => max,
        _ => return None,
    };
    let problem = InputProblem::new(path, ProblemKind::OutOfRange, message(min, max));
    Some(InputProblem { limit: u64::try_from(bound).ok(), ..problem })
}

/// The arguments of the directive, and their types.
const ARGUMENTS: [(&str, &str); 11] = [
    ("minLength", "Int"),
    ("maxLength", "Int"),
    ("maxItems", "Int"),
    ("min", "Int"),
    ("max", "Int"),
    ("minYear", "Int"),
    ("maxYear", "Int"),
    ("pattern", "String"),
    ("hint", "String"),
    ("notNull", "Boolean"),
    ("excludes", "String"),
];

const DESCRIPTION: &str = "\
Constraint of the value. The server rejects a value that violates it. Of a list of texts, it applies to each text. \
Lengths are in characters, without blanks around the text. A text that is not blank matches `pattern`, a regular \
expression; `hint` describes it. `notNull`: null is rejected, although the value may be omitted. `excludes`: the value \
of this name must not be given beside it.";

/// States a [`Constraint`] in the schema: `#[graphql(directive = Constrained::apply(TITLE))]` of an input field or an
/// argument.
pub struct Constrained;

impl Constrained {
    /// The directive that states this constraint.
    #[must_use]
    pub fn apply(constraint: Constraint<'_>) -> MetaDirectiveInvocation {
        let number = |number: Option<i32>| number.map(Value::from);
        let text = |text: Option<&str>| text.map(Value::from);
        let values = [
            number(constraint.min_length),
            number(constraint.max_length),
            number(constraint.max_items),
            number(constraint.min),
            number(constraint.max),
            number(constraint.min_year),
            number(constraint.max_year),
            text(constraint.pattern),
            text(constraint.hint),
            constraint.not_null.then(|| Value::from(true)),
            text(constraint.excludes),
        ];
        let given = ARGUMENTS.iter().zip(values);
        let args = given.filter_map(|((name, _), value)| Some(((*name).to_owned(), value?)));
        MetaDirectiveInvocation { name: DIRECTIVE.to_owned(), args: args.collect() }
    }
}

impl TypeDirective for Constrained {
    fn name(&self) -> Cow<'static, str> {
        DIRECTIVE.into()
    }

    fn register(&self, registry: &mut Registry) {
        let args = ARGUMENTS.map(|(name, type_)| {
            (name.to_owned(), MetaInputValue::new(name.to_owned(), type_.to_owned()))
        });
        registry.add_directive(MetaDirective {
            name: DIRECTIVE.to_owned(),
            description: Some(DESCRIPTION.to_owned()),
            locations: vec![
                __DirectiveLocation::INPUT_FIELD_DEFINITION,
                __DirectiveLocation::ARGUMENT_DEFINITION,
            ],
            args: args.into_iter().collect(),
            is_repeatable: false,
            visible: None,
            composable: None,
        });
    }
}

impl Directive_At_INPUT_FIELD_DEFINITION for Constrained {}

impl Directive_At_ARGUMENT_DEFINITION for Constrained {}
