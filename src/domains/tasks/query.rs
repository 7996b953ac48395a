//! Task queries.

use async_graphql::Context;
use hallpass::data::Comparison as _;
use hallpass_entity::{TaskId, task};

use super::filters::{PublicTaskFilter, TaskFilter};
use super::input::{PublicTaskOrder, TaskOrder};
use super::stats::{self, TaskStats, TaskTagCount};
use super::types::Task;
use hallpass::access::Rule::{Public, SignedIn};
use hallpass::access::guarded;
use hallpass::graphql::{
    ApiError, Connection, Constrained, Constraint, ContextExt as _, Counted, Id, Page, Result,
    Validator, paginate_partial,
};
use hallpass::schema::FindNode;

/// Constraint of `taskTags(first:)`.
const TAGS: Constraint<'_> = Constraint::number(1, 100);

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
        let filter = filter.unwrap_or_default();
        let filter = filter.check()?.and(filter.range_of(order_by));
        let rows = ctx.scope().owned::<task::Entity>()?.filter(filter);
        let order = TaskOrder::listing(order_by);
        let columns = Task::selected(ctx);
        paginate_partial(rows, &order, &page, Counted::Whole, &columns, |row| Task::new(ctx, row))
            .await
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
        let columns = Task::selected(ctx);
        paginate_partial(rows, &order, &page, Counted::Limited, &columns, |row| Task::new(ctx, row))
            .await
    }

    /// Statistics of the caller's tasks, or of those that match the filter.
    #[graphql(guard = "SignedIn")]
    async fn task_stats(&self, ctx: &Context<'_>, filter: Option<TaskFilter>) -> Result<TaskStats> {
        stats::count(ctx, filter.unwrap_or_default().check()?).await
    }

    /// Tags of the caller's tasks, or of those that match the filter, the most frequent first, with the number of these
    /// tasks.
    #[graphql(guard = "SignedIn")]
    async fn task_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, directive = Constrained::apply(TAGS))] first: i32,
        filter: Option<TaskFilter>,
    ) -> Result<Vec<TaskTagCount>> {
        let mut validator = Validator::default();
        validator.number("first", first, &TAGS);
        validator.finish()?;
        let of_tasks = filter.map(|filter| filter.check()).transpose()?;
        stats::count_tags(ctx, usize::try_from(first).unwrap_or_default(), of_tasks).await
    }
}

impl FindNode for Task {
    /// The task, if the caller may read it. With `OWNERSHIP_DENIAL=forbid`, fails for another user's task.
    async fn find_node(ctx: &Context<'_>, id: TaskId) -> Result<Option<Self>> {
        let task = ctx.scope().readable::<task::Entity>().filter(task::Column::Id.is(id));
        match task.one().await? {
            Some(row) => Ok(Some(Self::new(ctx, row)?)),
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
