//! Task queries.

use std::collections::HashMap;

use async_graphql::Context;
use hallpass::data::{Comparison as _, now};
use hallpass_entity::{TaskId, task};

use super::input::{PublicTaskFilter, PublicTaskOrder, TaskFilter, TaskOrder};
use super::types::{Task, TaskPriorityCount, TaskStats};
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::graphql::{
    ApiError, Connection, ContextExt as _, Id, Page, Result, paginate, paginate_open,
};
use hallpass::schema::FindNode;

/// All priorities, ascending.
const PRIORITIES: [task::Priority; 4] =
    [task::Priority::Low, task::Priority::Medium, task::Priority::High, task::Priority::Urgent];

/// Task queries.
#[derive(Default)]
pub struct TaskQuery;

#[guarded(Query, domain = "tasks")]
impl TaskQuery {
    /// Returns the task with this ID if it is the caller's or public. Null if it does not exist or is a private task
    /// of another user.
    #[graphql(guard = "Public")]
    async fn task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<Option<Task>> {
        id.find(ctx).await
    }

    /// The caller's tasks, newest first by default.
    #[graphql(guard = "SignedIn")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        page: Page,
        filter: Option<TaskFilter>,
        order_by: Option<TaskOrder>,
    ) -> Result<Connection<Task>> {
        let rows = ctx.scope().owned::<task::Entity>()?.filter(filter.unwrap_or_default().check()?);
        let order = TaskOrder::listing(order_by);
        paginate(rows, &order, &page, |row| Task::new(ctx, row)).await
    }

    /// Public tasks of all users, newest first by default.
    #[graphql(guard = "Public")]
    async fn public_tasks(
        &self,
        ctx: &Context<'_>,
        page: Page,
        filter: Option<PublicTaskFilter>,
        order_by: Option<PublicTaskOrder>,
    ) -> Result<Connection<Task>> {
        let rows = filter.unwrap_or_default().narrow(ctx.scope().public())?;
        let order = TaskOrder::listing(order_by.map(TaskOrder::from));
        paginate_open(rows, &order, &page, |row| Task::new(ctx, row)).await
    }

    /// Statistics of the caller's tasks.
    #[graphql(guard = "SignedIn")]
    async fn task_stats(&self, ctx: &Context<'_>) -> Result<TaskStats> {
        use task::Column::{Completed, DueAt, Priority};
        let own_rows = ctx.scope().owned::<task::Entity>()?;
        let counts = own_rows.count_by::<task::Priority>(Priority).await?;
        let counts: HashMap<_, _> = counts.into_iter().collect();
        let completed = own_rows.clone().filter(Completed.is(true)).count().await?;
        let overdue =
            own_rows.filter(Completed.is(false).and(DueAt.less_than(now()))).count().await?;
        let by_priority = PRIORITIES.map(|priority| TaskPriorityCount {
            priority: priority.into(),
            count: counts.get(&priority).copied().unwrap_or(0),
        });
        Ok(TaskStats {
            total: counts.values().sum(),
            completed,
            overdue,
            by_priority: by_priority.to_vec(),
        })
    }
}

impl FindNode for Task {
    /// The task, if the caller may read it. With `OWNERSHIP_DENIAL=forbid`, fails for another user's task.
    async fn find_node(ctx: &Context<'_>, id: TaskId) -> Result<Option<Self>> {
        let task = ctx.scope().readable::<task::Entity>().filter(task::Column::Id.is(id));
        match task.one().await? {
            Some(row) => Ok(Some(Self::new(ctx, row))),
            None => match task_not_found_or_forbidden(ctx, &[id]).await? {
                ApiError::NotFound(_) => Ok(None),
                denied => Err(denied),
            },
        }
    }
}

/// The error for tasks that the caller does not own: `NOT_FOUND`, or `FORBIDDEN` for another user's task with
/// `OWNERSHIP_DENIAL=forbid`.
pub(crate) async fn task_not_found_or_forbidden(
    ctx: &Context<'_>,
    ids: &[TaskId],
) -> Result<ApiError> {
    hallpass::graphql::not_found_or_forbidden::<task::Entity>(
        ctx,
        "task",
        task::Column::Id.one_of(ids.iter().copied()),
    )
    .await
}
