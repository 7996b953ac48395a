//! Task queries.

use std::collections::HashMap;

use async_graphql::{Context, ID, Object};
use hallpass::data::{Comparison as _, now};
use hallpass_entity::{TaskId, task};
use uuid::Uuid;

use super::input::{PublicTaskFilter, PublicTaskOrder, TaskFilter, TaskOrder};
use super::types::{TYPE, Task, TaskFields, TaskPriorityCount, TaskStats};
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::{guarded, semantic_non_null};
use hallpass::graphql::{
    ApiError, Connection, ContextExt as _, PageArgs, Result, decode_id, paginate, paginate_open,
};
use hallpass::schema::FindNode;

/// All priorities, ascending.
const PRIORITIES: [task::Priority; 4] =
    [task::Priority::Low, task::Priority::Medium, task::Priority::High, task::Priority::Urgent];

/// Task queries.
#[derive(Default)]
pub struct TaskQuery;

#[guarded(Query, domain = "tasks")]
#[Object]
impl TaskQuery {
    /// Returns the task with this ID if it is the caller's or public. Null if it does not exist or is a private task
    /// of another user.
    #[graphql(guard = "Public")]
    async fn task(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Task>> {
        match decode_id(&id) {
            Some((kind, key)) if kind == TYPE => node(ctx, key.into()).await,
            _ => Ok(None),
        }
    }

    /// The caller's tasks, newest first by default.
    #[expect(
        clippy::too_many_arguments,
        reason = "the pagination arguments of the Relay specification"
    )]
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<TaskFilter>,
        order_by: Option<TaskOrder>,
    ) -> Result<Option<Connection<Task>>> {
        let rows = ctx.scope().owned::<task::Entity>()?.filter(filter.unwrap_or_default().check()?);
        let args = PageArgs::new(first, after, last, before);
        let order = TaskOrder::listing(order_by);
        paginate(rows, &order, &args, |row| TaskFields::new(ctx, row)).await.map(Some)
    }

    /// Public tasks of all users, newest first by default.
    #[expect(
        clippy::too_many_arguments,
        reason = "the pagination arguments of the Relay specification"
    )]
    #[graphql(guard = "Public", directive = semantic_non_null::apply())]
    async fn public_tasks(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<PublicTaskFilter>,
        order_by: Option<PublicTaskOrder>,
    ) -> Result<Option<Connection<Task>>> {
        let rows = filter.unwrap_or_default().narrow(ctx.scope().public())?;
        let args = PageArgs::new(first, after, last, before);
        let order = TaskOrder::listing(order_by.map(TaskOrder::from));
        paginate_open(rows, &order, &args, |row| TaskFields::new(ctx, row)).await.map(Some)
    }

    /// Statistics of the caller's tasks.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn task_stats(&self, ctx: &Context<'_>) -> Result<Option<TaskStats>> {
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
        Ok(Some(TaskStats {
            total: counts.values().sum(),
            completed,
            overdue,
            by_priority: by_priority.to_vec(),
        }))
    }
}

impl FindNode for TaskFields {
    async fn find_node(ctx: &Context<'_>, key: Uuid) -> Result<Option<Task>> {
        node(ctx, key.into()).await
    }
}

/// The task with this key, if the caller may read it. With `OWNERSHIP_DENIAL=forbid`, fails for another user's task.
async fn node(ctx: &Context<'_>, id: TaskId) -> Result<Option<Task>> {
    let row = ctx.scope().readable::<task::Entity>().filter(task::Column::Id.is(id)).one().await?;
    match row {
        Some(row) => Ok(Some(TaskFields::new(ctx, row))),
        None => match task_not_found_or_forbidden(ctx, &[id]).await? {
            ApiError::NotFound(_) => Ok(None),
            denied => Err(denied),
        },
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
