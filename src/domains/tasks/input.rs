//! What may be said of a task, and how it is checked.

use async_graphql::{Enum, InputObject, MaybeUndefined};
use chrono::{Datelike as _, NaiveDate, NaiveTime};
use hallpass_entity::task::{Column, Entity};
use hallpass_entity::{
    Comparison as _, Filter, Order, OrderKey, Rows, Set, Term, Timestamp, Update, task, task_tag,
};

use super::types::TaskPriority;
use crate::graphql::{
    ApiError, Date, DateTime, Direction, InputProblem, NamedOrder, ProblemKind, Result, Validator,
};

const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 10_000;
const LONGEST_TAG: usize = 40;
const MOST_TAGS: usize = 20;
/// Longer than any title: a search for more finds nothing.
const LONGEST_SEARCH: usize = 200;

/// A new task.
#[derive(Clone, Debug, InputObject)]
pub struct CreateTaskInput {
    /// What is to be done: 1 to 200 characters.
    pub title: String,
    /// The details: at most 10,000 characters.
    pub description: Option<String>,
    /// How much it presses.
    #[graphql(default_with = "TaskPriority::Medium")]
    pub priority: TaskPriority,
    /// By when it is wanted.
    pub due_at: Option<DateTime>,
    /// The day by whose end, in UTC, it is wanted; in place of `dueAt`.
    pub due_on: Option<Date>,
    /// At most 20 words of at most 40 characters.
    #[graphql(default)]
    pub tags: Vec<String>,
    /// Whether everyone may see it.
    #[graphql(default)]
    pub is_public: bool,
}

/// Changes to a task. What is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateTaskInput {
    /// What is to be done: 1 to 200 characters.
    pub title: MaybeUndefined<String>,
    /// The details, at most 10,000 characters; null removes them.
    pub description: MaybeUndefined<String>,
    /// How much it presses.
    pub priority: MaybeUndefined<TaskPriority>,
    /// By when it is wanted, in place of `dueOn`; null removes a time that was given as `dueAt`, and keeps a day that
    /// was given as `dueOn`.
    pub due_at: MaybeUndefined<DateTime>,
    /// The day by whose end, in UTC, it is wanted, in place of `dueAt`; null removes a day that was given as `dueOn`,
    /// and keeps a time that was given as `dueAt`.
    pub due_on: MaybeUndefined<Date>,
    /// At most 20 words of at most 40 characters, in place of those there; null removes them.
    pub tags: MaybeUndefined<Vec<String>>,
    /// Whether everyone may see it.
    pub is_public: MaybeUndefined<bool>,
}

/// Checked values for a task's columns, and its tags where they are to change.
pub(crate) struct ValidatedTask {
    pub(crate) values: task::ActiveModel,
    pub(crate) tags: Option<Vec<String>>,
    /// In which form the due time was given that is to be removed.
    removed: Option<DueForm>,
}

/// In which form a due time is given. A row has a day only beside the time that is its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DueForm {
    /// As a time, `dueAt`.
    Time,
    /// As a day, `dueOn`.
    Day,
}

impl ValidatedTask {
    /// Whether nothing is to change.
    pub(crate) fn is_empty(&self) -> bool {
        self.values == task::ActiveModel::default() && self.tags.is_none() && self.removed.is_none()
    }

    /// The change of the task's columns, which notes `updated_at`.
    pub(crate) fn change(&self, updated_at: Timestamp) -> Update<Entity> {
        let values = task::ActiveModel { updated_at: Set(updated_at), ..self.values.clone() };
        let change = Update::set(values);
        match self.removed {
            None => change,
            Some(DueForm::Time) => change.clear_where(Column::DueAt, Column::DueOn.is_null()),
            Some(DueForm::Day) => change.clear_where(Column::DueAt, Column::DueOn.is_not_null()),
        }
    }
}

impl CreateTaskInput {
    pub(crate) fn check(self) -> Result<ValidatedTask> {
        let mut checks = Validator::default();
        let due = Due::of(&mut checks, self.due_at, self.due_on);
        let values = task::ActiveModel {
            title: Set(title(&mut checks, &self.title)),
            description: Set(self.description.and_then(|text| description(&mut checks, &text))),
            priority: Set(self.priority.into()),
            due_at: Set(due.at),
            due_on: Set(due.on),
            is_public: Set(self.is_public),
            ..Default::default()
        };
        let tags = tags(&mut checks, &self.tags);
        checks.finish()?;
        Ok(ValidatedTask { values, tags: Some(tags), removed: None })
    }
}

impl UpdateTaskInput {
    pub(crate) fn check(self) -> Result<ValidatedTask> {
        let mut checks = Validator::default();
        let mut values = task::ActiveModel::default();
        if let Some(text) = checks.not_null("input.title", self.title) {
            values.title = Set(title(&mut checks, &text));
        }
        match self.description {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => values.description = Set(None),
            MaybeUndefined::Value(text) => {
                values.description = Set(description(&mut checks, &text));
            }
        }
        if let Some(priority) = checks.not_null("input.priority", self.priority) {
            values.priority = Set(priority.into());
        }
        let removed = match (self.due_at, self.due_on) {
            (MaybeUndefined::Undefined, MaybeUndefined::Undefined) => None,
            (MaybeUndefined::Null, MaybeUndefined::Undefined) => Some(DueForm::Time),
            (MaybeUndefined::Undefined, MaybeUndefined::Null) => {
                values.due_on = Set(None);
                Some(DueForm::Day)
            }
            (at, on) => {
                let due = Due::of(&mut checks, at.take(), on.take());
                (values.due_at, values.due_on) = (Set(due.at), Set(due.on));
                None
            }
        };
        if let Some(is_public) = checks.not_null("input.isPublic", self.is_public) {
            values.is_public = Set(is_public);
        }
        let tags = match self.tags {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Vec::new()),
            MaybeUndefined::Value(words) => Some(tags(&mut checks, &words)),
        };
        checks.finish()?;
        Ok(ValidatedTask { values, tags, removed })
    }
}

fn title(checks: &mut Validator, text: &str) -> String {
    checks.text("input.title", text, 1, LONGEST_TITLE)
}

/// A description of blanks is none.
fn description(checks: &mut Validator, text: &str) -> Option<String> {
    let text = checks.text("input.description", text, 0, LONGEST_DESCRIPTION);
    (!text.is_empty()).then_some(text)
}

/// By when a task is wanted: a moment, or a day and the moment at which it ends in UTC.
#[derive(Default)]
struct Due {
    at: Option<Timestamp>,
    on: Option<NaiveDate>,
}

impl Due {
    fn of(checks: &mut Validator, at: Option<DateTime>, on: Option<Date>) -> Self {
        match (at, on) {
            (Some(_), Some(_)) => {
                let message = "give `dueAt` or `dueOn`, not both";
                checks.add_problem("input.dueOn", ProblemKind::Conflicting, message);
                Self::default()
            }
            (Some(DateTime(moment)), None) => {
                check_year(checks, "input.dueAt", moment.year());
                Self { at: Some(moment), on: None }
            }
            (None, Some(Date(day))) => {
                check_year(checks, "input.dueOn", day.year());
                Self { at: Some(day.and_time(LAST_OF_DAY).and_utc()), on: Some(day) }
            }
            (None, None) => Self::default(),
        }
    }
}

/// The last microsecond of a day, which is what the databases tell apart.
const LAST_OF_DAY: NaiveTime = match NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// Years that people plan in; the databases disagree about others.
fn check_year(checks: &mut Validator, path: &str, year: i32) {
    checks.number(path, year, &(2000..=2199), "give a date in the years 2000 to 2199");
}

fn tags(checks: &mut Validator, words: &[String]) -> Vec<String> {
    checks.string_list("input.tags", words, LONGEST_TAG, MOST_TAGS)
}

/// Which of the caller's own tasks. Everything given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct TaskFilter {
    /// Done, or not done.
    pub completed: Option<bool>,
    /// Of this priority.
    pub priority: Option<TaskPriority>,
    /// Wanted before this moment.
    pub due_before: Option<DateTime>,
    /// Wanted after this moment.
    pub due_after: Option<DateTime>,
    /// With this tag, compared as a whole and character by character: case and accents count. Spaces at its ends do
    /// not.
    pub tag: Option<String>,
    /// With this text in the title or the description, at most 200 characters. Case, accents and forms of
    /// letters do not count. A text of one or two letters finds the words that begin with it.
    pub text: Option<String>,
}

impl TaskFilter {
    pub(crate) fn check(&self) -> Result<Filter<Entity>> {
        let text = search("filter.text", self.text.as_deref())?;
        let tag = within_limits("filter.tag", self.tag.as_deref())?;
        Ok(Filter::all()
            .and_if_some(self.completed.map(|completed| Column::Completed.is(completed)))
            .and_if_some(self.priority.map(|p| Column::Priority.is(task::Priority::from(p))))
            .and_if_some(self.due_before.map(|time| Column::DueAt.less_than(time.0)))
            .and_if_some(self.due_after.map(|time| Column::DueAt.greater_than(time.0)))
            .and_if_some(tag.map(|tag| Filter::has(task_tag::Column::Tag.is(tag))))
            .and_if_some(text.map(|text| {
                let holds = |column: Column| column.contains(&text);
                holds(Column::TitleSearch).or(holds(Column::DescriptionSearch))
            })))
    }
}

/// Which of everyone's public tasks. What only owners see cannot be searched for.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PublicTaskFilter {
    /// Done, or not done.
    pub completed: Option<bool>,
    /// With this text in the title, at most 200 characters. Case, accents and forms of letters do not count.
    /// A text of one or two letters finds the words that begin with it. Of more than 10,000 tasks that match,
    /// those made public or renamed last are looked at.
    pub text: Option<String>,
}

impl PublicTaskFilter {
    /// Those of `public` that are asked for.
    pub(crate) fn narrow(&self, public: Rows<Entity>) -> Result<Rows<Entity>> {
        let completed = self.completed.map(|completed| Column::Completed.is(completed));
        let rows = public.filter(Filter::all().and_if_some(completed));
        Ok(match search("filter.text", self.text.as_deref())? {
            Some(text) => rows.search(&text),
            None => rows,
        })
    }
}

/// A text of blanks, or of what is not seen, asks for nothing.
fn search(path: &str, text: Option<&str>) -> Result<Option<Term>> {
    Ok(within_limits(path, text)?.and_then(Term::new))
}

fn within_limits<'a>(path: &str, text: Option<&'a str>) -> Result<Option<&'a str>> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(ApiError::bad_input(path, "remove the NUL character"))
        }
        Some(text) if text.chars().count() > LONGEST_SEARCH => {
            let message = format!("use at most {LONGEST_SEARCH} characters");
            let problem = InputProblem::new(path, ProblemKind::TooLong, message);
            Err(problem.beyond(LONGEST_SEARCH).into())
        }
        text => Ok(text.map(str::trim).filter(|text| !text.is_empty())),
    }
}

/// By what the caller's tasks are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskOrderField {
    /// When they were made.
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// By when they are wanted; those without a date count as last of all.
    DueAt,
    /// How much they press.
    Priority,
    /// Their titles; case, accents and forms of letters do not count.
    Title,
}

/// The order of the caller's tasks.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskOrder {
    /// By what.
    pub field: TaskOrderField,
    /// Which way.
    #[graphql(default)]
    pub direction: Direction,
}

/// By what public tasks are ordered: only by what everyone sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PublicTaskOrderField {
    /// When they were made.
    CreatedAt,
    /// When they were last changed.
    UpdatedAt,
    /// Their titles; case, accents and forms of letters do not count.
    Title,
}

/// The order of public tasks.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct PublicTaskOrder {
    /// By what.
    pub field: PublicTaskOrderField,
    /// Which way.
    #[graphql(default)]
    pub direction: Direction,
}

impl From<PublicTaskOrder> for TaskOrder {
    fn from(order: PublicTaskOrder) -> Self {
        let field = match order.field {
            PublicTaskOrderField::CreatedAt => TaskOrderField::CreatedAt,
            PublicTaskOrderField::UpdatedAt => TaskOrderField::UpdatedAt,
            PublicTaskOrderField::Title => TaskOrderField::Title,
        };
        Self { field, direction: order.direction }
    }
}

impl TaskOrder {
    /// Newest first, unless said otherwise.
    pub(crate) fn listing(order: Option<Self>) -> NamedOrder<Entity> {
        let newest = Self { field: TaskOrderField::CreatedAt, direction: Direction::Desc };
        let Self { field, direction } = order.unwrap_or(newest);
        let column = match field {
            TaskOrderField::CreatedAt => Column::CreatedAt,
            TaskOrderField::UpdatedAt => Column::UpdatedAt,
            TaskOrderField::DueAt => Column::DueAt,
            TaskOrderField::Priority => Column::Priority,
            TaskOrderField::Title => Column::TitleKey,
        };
        let order = Order::by(column, direction == Direction::Desc);
        let order = match field {
            TaskOrderField::DueAt => order.nulls_as(OrderKey::Time(MAX_DUE_AT)),
            TaskOrderField::CreatedAt
            | TaskOrderField::UpdatedAt
            | TaskOrderField::Priority
            | TaskOrderField::Title => order,
        };
        NamedOrder { name: format!("{column:?}{direction:?}"), order }
    }
}

/// Later than any date that a task can be wanted by.
const MAX_DUE_AT: Timestamp = match chrono::DateTime::from_timestamp(253_402_300_799, 0) {
    Some(time) => time,
    None => Timestamp::MAX_UTC,
};
