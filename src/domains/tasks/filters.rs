//! Filters of tasks, with their validation.

use async_graphql::InputObject;
use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta};
use hallpass::data::{Comparison as _, Filter, OrderKey, Rows, Term, Timestamp, now};
use hallpass_entity::task::{Column, Entity};
use hallpass_entity::{TaskId, task, task_tag};

use super::input::{MAX_DUE_AT, TaskOrder, TaskOrderField, YEARS, by_due};
use super::stats::{not_overdue, overdue};
use super::types::TaskPriority;
use hallpass::graphql::{Constrained, Constraint, Date, DateTime, Direction, Result, Validator};

/// As long as the longest title.
const SEARCH: Constraint<'_> = Constraint::text(0, 200);
/// The tags of a filter.
const TAGS: Constraint<'_> = Constraint::text(1, 40).max_items(20);
/// The alternatives of a filter.
const ANY_OF: Constraint<'_> = Constraint::NONE.max_items(10);

/// Filter for the caller's tasks. All given conditions must match.
#[derive(Clone, Debug, Default, InputObject)]
pub struct TaskFilter {
    /// Whether the task is completed.
    pub completed: Option<bool>,
    /// Priority of the task.
    pub priority: Option<TaskPriority>,
    /// Has one of these priorities.
    pub priorities: Option<Vec<TaskPriority>>,
    /// Due before this time.
    pub due_before: Option<DateTime>,
    /// Due after this time.
    pub due_after: Option<DateTime>,
    /// Due on this day, in UTC.
    #[graphql(directive = Constrained::apply(YEARS))]
    pub due_on: Option<Date>,
    /// Whether the task is overdue: due, and not completed.
    pub overdue: Option<bool>,
    /// Has exactly this tag. Case and accents are significant; leading and trailing spaces are not.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub tag: Option<String>,
    /// Has one of these tags, compared as `tag`. At most 20.
    #[graphql(directive = Constrained::apply(TAGS))]
    pub tags: Option<Vec<String>>,
    /// Text contained in the title or the description, at most 200 characters. Ignores case, accents and letter
    /// variants. A text of one or two letters matches words that begin with it.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub text: Option<String>,
    /// Matches one of these filters, at most 10. They have no `anyOf` of their own.
    #[graphql(directive = Constrained::apply(ANY_OF))]
    pub any_of: Option<Vec<TaskFilter>>,
}

impl TaskFilter {
    /// Validates the argument `filter`.
    pub(crate) fn check(&self) -> Result<Filter<Entity>> {
        let mut validator = Validator::default();
        let filter = self.conditions(&mut validator, "filter");
        let Some(alternatives) = &self.any_of else {
            validator.finish()?;
            return Ok(filter);
        };
        validator.count("filter.anyOf", alternatives.len(), &ANY_OF);
        let mut any = None::<Filter<Entity>>;
        for (at, other) in alternatives.iter().enumerate().take(ANY_OF.counted(alternatives.len()))
        {
            let path = format!("filter.anyOf.{at}");
            if other.any_of.is_some() {
                validator
                    .add_error(&format!("{path}.anyOf"), "list its filters in the outer `anyOf`");
            }
            let other = other.conditions(&mut validator, &path);
            any = Some(match any {
                Some(any) => any.or(other),
                None => other,
            });
        }
        validator.finish()?;
        // No alternative matches no task.
        Ok(filter.and(any.unwrap_or_else(|| Column::Id.one_of([] as [TaskId; 0]))))
    }

    /// The conditions other than `anyOf`.
    fn conditions(&self, validator: &mut Validator, path: &str) -> Filter<Entity> {
        let at = |name| format!("{path}.{name}");
        let text = search(validator, &at("text"), self.text.as_deref());
        let tag = self.tag.as_deref().map(|tag| validator.text(&at("tag"), tag, &SEARCH));
        let tag = tag.filter(|tag| !tag.is_empty());
        let tags = self.tags.as_deref().map(|tags| validator.string_list(&at("tags"), tags, &TAGS));
        if let Some(Date(day)) = self.due_on {
            validator.year(&at("dueOn"), day.year(), &YEARS);
        }
        let priorities = self.priorities.as_deref().map(|them| {
            Column::Priority.one_of(them.iter().map(|priority| task::Priority::from(*priority)))
        });
        Filter::all()
            .and_if_some(self.completed.map(|completed| Column::Completed.is(completed)))
            .and_if_some(self.priority.map(|p| Column::Priority.is(task::Priority::from(p))))
            .and_if_some(priorities)
            .and_if_some(self.due_before.map(|time| Column::DueAt.less_than(time.0)))
            .and_if_some(self.due_after.map(|time| Column::DueAt.greater_than(time.0)))
            .and_if_some(self.due_on.and_then(on_day))
            .and_if_some(self.overdue.map(|is| if is { overdue() } else { not_overdue() }))
            .and_if_some(tag.map(|tag| Filter::has(task_tag::Column::Tag.is(tag))))
            .and_if_some(tags.map(|tags| Filter::has(task_tag::Column::Tag.one_of(tags))))
            .and_if_some(text.map(|text| {
                let holds = |column: Column| column.contains(&text);
                holds(Column::TitleSearch).or(holds(Column::DescriptionSearch))
            }))
    }

    /// The conditions on due times again, as a range of the index of this order: the list begins there.
    pub(crate) fn range_of(&self, order: Option<TaskOrder>) -> Filter<Entity> {
        let Some(TaskOrder { field: TaskOrderField::DueAt, .. }) = order else {
            return Filter::all();
        };
        let day = self.due_on.and_then(span_of);
        let start = day.map(|(start, _)| start - TimeDelta::microseconds(1));
        let least = [self.due_after.map(|time| time.0), start];
        // Tasks without a due time are after all others.
        let any = least.iter().any(Option::is_some).then_some(MAX_DUE_AT);
        let end = day.map(|(_, end)| end);
        let overdue = (self.overdue == Some(true)).then(now);
        let most = [self.due_before.map(|time| time.0), end, overdue, any];
        let by_due = by_due(Direction::Asc);
        let after = least.into_iter().flatten();
        let after = after.map(|time| by_due.greater_than(&OrderKey::Time(time)));
        let before = most.into_iter().flatten();
        let before = before.map(|time| by_due.less_than(&OrderKey::Time(time)));
        after.chain(before).fold(Filter::all(), Filter::and)
    }
}

/// Due on this day, in UTC. None for a day that has no next one.
fn on_day(day: Date) -> Option<Filter<Entity>> {
    let (start, end) = span_of(day)?;
    Some(Column::DueAt.at_least(start).and(Column::DueAt.less_than(end)))
}

/// The start of this day in UTC, and of the next one.
fn span_of(Date(day): Date) -> Option<(Timestamp, Timestamp)> {
    let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    Some((start(day), start(day.checked_add_days(Days::new(1))?)))
}

/// Filter for public tasks. Fields that only owners may read cannot be filtered.
#[derive(Clone, Debug, Default, InputObject)]
pub struct PublicTaskFilter {
    /// Whether the task is completed.
    pub completed: Option<bool>,
    /// Text contained in the title, at most 200 characters. Ignores case, accents and letter variants. A text of
    /// one or two letters matches words that begin with it. If more than 10,000 tasks match, only those most
    /// recently published or renamed are considered.
    #[graphql(directive = Constrained::apply(SEARCH))]
    pub text: Option<String>,
}

impl PublicTaskFilter {
    /// Applies the filter to `public`.
    pub(crate) fn narrow(&self, public: Rows<Entity>) -> Result<Rows<Entity>> {
        let completed = self.completed.map(|completed| Column::Completed.is(completed));
        let rows = public.filter(Filter::all().and_if_some(completed));
        let mut validator = Validator::default();
        let text = search(&mut validator, "filter.text", self.text.as_deref());
        validator.finish()?;
        Ok(match text {
            Some(text) => rows.search(&text),
            None => rows,
        })
    }
}

/// A blank or invisible text is not a search term.
fn search(validator: &mut Validator, path: &str, text: Option<&str>) -> Option<Term> {
    Term::new(&validator.text(path, text?, &SEARCH))
}
