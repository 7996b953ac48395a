//! Inputs of the task API: create, update, order; with their validation.

use async_graphql::{Enum, InputObject, MaybeUndefined};
use chrono::{Datelike as _, NaiveDate, NaiveTime};
use hallpass::data::{Comparison as _, Order, OrderKey, Set, Timestamp, Update};
use hallpass_entity::task;
use hallpass_entity::task::{Column, Entity};

use super::types::TaskPriority;
use hallpass::graphql::{
    Constrained, Constraint, Date, DateTime, Direction, NamedOrder, Result, Validator,
};

const TITLE: Constraint<'_> = Constraint::text(1, 200);
const DESCRIPTION: Constraint<'_> = Constraint::text(0, 10_000);
const TAGS: Constraint<'_> = Constraint::text(1, 40).max_items(20);
/// Years that people plan in.
pub(super) const YEARS: Constraint<'_> = Constraint::years(2000, 2199);
const DUE_ON: Constraint<'_> = YEARS.excludes("dueAt");

/// A new task.
#[derive(Clone, Debug, InputObject)]
pub struct CreateTaskInput {
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE))]
    pub title: String,
    /// Description, at most 10,000 characters.
    #[graphql(directive = Constrained::apply(DESCRIPTION))]
    pub description: Option<String>,
    /// Priority.
    #[graphql(default_with = "TaskPriority::Medium")]
    pub priority: TaskPriority,
    /// Due time.
    #[graphql(directive = Constrained::apply(YEARS))]
    pub due_at: Option<DateTime>,
    /// Due date. The task is due at the end of that day in UTC. Excludes `dueAt`.
    #[graphql(directive = Constrained::apply(DUE_ON))]
    pub due_on: Option<Date>,
    /// Tags, at most 20 of at most 40 characters each.
    #[graphql(default, directive = Constrained::apply(TAGS))]
    pub tags: Vec<String>,
    /// Whether the task is public.
    #[graphql(default)]
    pub is_public: bool,
}

/// Changes to a task. Omitted fields keep their value.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateTaskInput {
    /// Title, 1 to 200 characters.
    #[graphql(directive = Constrained::apply(TITLE.not_null()))]
    pub title: MaybeUndefined<String>,
    /// Description, at most 10,000 characters. Null removes it.
    #[graphql(directive = Constrained::apply(DESCRIPTION))]
    pub description: MaybeUndefined<String>,
    /// Priority.
    #[graphql(directive = Constrained::apply(Constraint::NONE.not_null()))]
    pub priority: MaybeUndefined<TaskPriority>,
    /// Due time. Replaces `dueOn`. Null removes a due time that was set as `dueAt`, and keeps a due date that was
    /// set as `dueOn`.
    #[graphql(directive = Constrained::apply(YEARS))]
    pub due_at: MaybeUndefined<DateTime>,
    /// Due date. The task is due at the end of that day in UTC. Replaces `dueAt`. Null removes a due date that was
    /// set as `dueOn`, and keeps a due time that was set as `dueAt`.
    #[graphql(directive = Constrained::apply(DUE_ON))]
    pub due_on: MaybeUndefined<Date>,
    /// Tags, at most 20 of at most 40 characters each. Replaces all tags. Null removes them.
    #[graphql(directive = Constrained::apply(TAGS))]
    pub tags: MaybeUndefined<Vec<String>>,
    /// Whether the task is public.
    #[graphql(directive = Constrained::apply(Constraint::NONE.not_null()))]
    pub is_public: MaybeUndefined<bool>,
}

/// Validated column values of a task, and its tags if they change. The default changes nothing.
#[derive(Default)]
pub(crate) struct ValidatedTask {
    pub(crate) values: task::ActiveModel,
    pub(crate) tags: Option<Vec<String>>,
    /// The kind of due time to remove, if any.
    removed: Option<DueKind>,
}

/// The two ways to set a due time. A row with a due date also has the due time that is its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DueKind {
    /// A time, `dueAt`.
    Time,
    /// A date, `dueOn`.
    Day,
}

impl ValidatedTask {
    /// Whether there is nothing to change.
    pub(crate) fn is_empty(&self) -> bool {
        self.values == task::ActiveModel::default() && self.tags.is_none() && self.removed.is_none()
    }

    /// The update of the task's columns, `updated_at` included.
    pub(crate) fn change(&self, updated_at: Timestamp) -> Update<Entity> {
        let values = task::ActiveModel { updated_at: Set(updated_at), ..self.values.clone() };
        let change = Update::set(values);
        match self.removed {
            None => change,
            Some(DueKind::Time) => change.clear_where(Column::DueAt, Column::DueOn.is_null()),
            Some(DueKind::Day) => change.clear_where(Column::DueAt, Column::DueOn.is_not_null()),
        }
    }
}

impl CreateTaskInput {
    /// Validates the input at this path.
    pub(crate) fn check(self, path: impl Into<String>) -> Result<ValidatedTask> {
        let mut validator = Validator::within(path);
        let due = Due::of(&mut validator, self.due_at, self.due_on);
        let values = task::ActiveModel {
            title: Set(title(&mut validator, &self.title)),
            description: Set(self.description.and_then(|text| description(&mut validator, &text))),
            priority: Set(self.priority.into()),
            due_at: Set(due.at),
            due_on: Set(due.on),
            is_public: Set(self.is_public),
            ..Default::default()
        };
        let tags = tags(&mut validator, &self.tags);
        validator.finish()?;
        Ok(ValidatedTask { values, tags: Some(tags), removed: None })
    }
}

impl UpdateTaskInput {
    /// Validates the argument `input`.
    pub(crate) fn check(self) -> Result<ValidatedTask> {
        let mut validator = Validator::within("input");
        let mut values = task::ActiveModel::default();
        if let Some(text) = validator.not_null("title", self.title) {
            values.title = Set(title(&mut validator, &text));
        }
        match self.description {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => values.description = Set(None),
            MaybeUndefined::Value(text) => {
                values.description = Set(description(&mut validator, &text));
            }
        }
        if let Some(priority) = validator.not_null("priority", self.priority) {
            values.priority = Set(priority.into());
        }
        let removed = match (self.due_at, self.due_on) {
            (MaybeUndefined::Undefined, MaybeUndefined::Undefined) => None,
            (MaybeUndefined::Null, MaybeUndefined::Undefined) => Some(DueKind::Time),
            (MaybeUndefined::Undefined, MaybeUndefined::Null) => {
                values.due_on = Set(None);
                Some(DueKind::Day)
            }
            (at, on) => {
                let due = Due::of(&mut validator, at.take(), on.take());
                (values.due_at, values.due_on) = (Set(due.at), Set(due.on));
                None
            }
        };
        if let Some(is_public) = validator.not_null("isPublic", self.is_public) {
            values.is_public = Set(is_public);
        }
        let tags = match self.tags {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Vec::new()),
            MaybeUndefined::Value(list) => Some(tags(&mut validator, &list)),
        };
        validator.finish()?;
        Ok(ValidatedTask { values, tags, removed })
    }
}

fn title(validator: &mut Validator, text: &str) -> String {
    validator.text("title", text, &TITLE)
}

/// A blank description is no description.
fn description(validator: &mut Validator, text: &str) -> Option<String> {
    let text = validator.text("description", text, &DESCRIPTION);
    (!text.is_empty()).then_some(text)
}

/// Validated due time: a time, or a date and the time at which that day ends in UTC.
#[derive(Default)]
struct Due {
    at: Option<Timestamp>,
    on: Option<NaiveDate>,
}

impl Due {
    fn of(validator: &mut Validator, at: Option<DateTime>, on: Option<Date>) -> Self {
        match (at, on) {
            (Some(_), Some(_)) => {
                validator.exclusive("dueOn", &DUE_ON, |_| true);
                Self::default()
            }
            (Some(DateTime(time)), None) => {
                validator.year("dueAt", time.year(), &YEARS);
                Self { at: Some(time), on: None }
            }
            (None, Some(Date(day))) => {
                validator.year("dueOn", day.year(), &DUE_ON);
                Self { at: Some(day.and_time(LAST_OF_DAY).and_utc()), on: Some(day) }
            }
            (None, None) => Self::default(),
        }
    }
}

/// The last microsecond of a day: the resolution of both databases.
const LAST_OF_DAY: NaiveTime = match NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

fn tags(validator: &mut Validator, tags: &[String]) -> Vec<String> {
    validator.string_list("tags", tags, &TAGS)
}

/// Sort key for the caller's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskOrderField {
    /// Creation time.
    CreatedAt,
    /// Time of the last change.
    UpdatedAt,
    /// Due time. Tasks without one sort as later than all others.
    DueAt,
    /// Priority, from low to urgent.
    Priority,
    /// Title. Ignores case, accents and letter variants.
    Title,
}

/// Sort order for the caller's tasks.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskOrder {
    /// Sort key.
    pub field: TaskOrderField,
    /// Sort direction.
    #[graphql(default)]
    pub direction: Direction,
}

/// Sort key for public tasks. Only public fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PublicTaskOrderField {
    /// Creation time.
    CreatedAt,
    /// Time of the last change.
    UpdatedAt,
    /// Title. Ignores case, accents and letter variants.
    Title,
}

/// Sort order for public tasks.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct PublicTaskOrder {
    /// Sort key.
    pub field: PublicTaskOrderField,
    /// Sort direction.
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
    /// The order of a list; newest first by default.
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
        let order = match field {
            TaskOrderField::DueAt => by_due(direction),
            TaskOrderField::CreatedAt
            | TaskOrderField::UpdatedAt
            | TaskOrderField::Priority
            | TaskOrderField::Title => Order::by(column, direction == Direction::Desc),
        };
        NamedOrder { name: format!("{column:?}{direction:?}"), order }
    }
}

/// The order by due time.
pub(super) fn by_due(direction: Direction) -> Order<Entity> {
    let order = Order::by(Column::DueAt, direction == Direction::Desc);
    order.nulls_as(OrderKey::Time(MAX_DUE_AT))
}

/// Later than any valid due time: the sort key of tasks without one.
pub(super) const MAX_DUE_AT: Timestamp = match chrono::DateTime::from_timestamp(253_402_300_799, 0)
{
    Some(time) => time,
    None => Timestamp::MAX_UTC,
};
