//! Statistics of the caller's tasks.

use async_graphql::{Context, SimpleObject};
use hallpass::data::{Comparison as _, Filter, now};
use hallpass_entity::{task, task_tag};

use super::types::TaskPriority;
use hallpass::graphql::{ContextExt as _, Result};

/// All priorities, ascending.
const PRIORITIES: [task::Priority; 4] =
    [task::Priority::Low, task::Priority::Medium, task::Priority::High, task::Priority::Urgent];

/// Statistics of the caller's tasks.
#[derive(Clone, Debug, SimpleObject)]
pub struct TaskStats {
    /// Number of tasks.
    pub total: i64,
    /// Number of completed tasks.
    pub completed: i64,
    /// Number of overdue tasks: due, and not completed.
    pub overdue: i64,
    /// Number of tasks per priority, ascending.
    pub by_priority: Vec<TaskPriorityCount>,
}

/// Number of tasks with one priority.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct TaskPriorityCount {
    /// Priority.
    pub priority: TaskPriority,
    /// Number of tasks.
    pub count: i64,
}

/// A tag, and the number of tasks with it: of the caller's, or of those that match the filter.
#[derive(Clone, Debug, SimpleObject)]
pub struct TaskTagCount {
    /// Tag.
    pub tag: String,
    /// Number of tasks.
    pub count: i64,
}

/// Tasks that are due, and not completed.
pub(crate) fn overdue() -> Filter<task::Entity> {
    task::Column::Completed.is(false).and(task::Column::DueAt.less_than(now()))
}

/// Tasks that are completed, or not due yet, or have no due time.
pub(crate) fn not_overdue() -> Filter<task::Entity> {
    use task::Column::{Completed, DueAt};
    Completed.is(true).or(DueAt.is_null()).or(DueAt.at_least(now()))
}

/// Counts the caller's tasks among those that match.
pub(crate) async fn count(ctx: &Context<'_>, filter: Filter<task::Entity>) -> Result<TaskStats> {
    use task::Column::{Completed, Priority};
    let own_rows = ctx.scope().owned::<task::Entity>()?.filter(filter);
    let among = [Completed.is(true), overdue()];
    let counts = own_rows.count_by_and_among::<task::Priority, 2>(Priority, among).await?;
    let by_priority = PRIORITIES.map(|priority| TaskPriorityCount {
        priority: priority.into(),
        count: counts.iter().filter(|(of, ..)| *of == priority).map(|(_, all, _)| all).sum(),
    });
    Ok(TaskStats {
        total: counts.iter().map(|(_, all, _)| all).sum(),
        completed: counts.iter().map(|(_, _, [completed, _])| completed).sum(),
        overdue: counts.iter().map(|(_, _, [_, overdue])| overdue).sum(),
        by_priority: by_priority.to_vec(),
    })
}

/// The tags of the caller's tasks, or of those that match, the most frequent first.
pub(crate) async fn count_tags(
    ctx: &Context<'_>,
    limit: usize,
    of_tasks: Option<Filter<task::Entity>>,
) -> Result<Vec<TaskTagCount>> {
    let of_tasks = Filter::all().and_if_some(of_tasks.map(Filter::of_own));
    let own_rows = ctx.scope().owned::<task_tag::Entity>()?.filter(of_tasks);
    let mut counts = own_rows.count_by::<String>(task_tag::Column::Tag).await?;
    counts.sort_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
    counts.truncate(limit);
    Ok(counts.into_iter().map(|(tag, count)| TaskTagCount { tag, count }).collect())
}
