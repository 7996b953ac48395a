//! Task mutations. Ownership is a condition of the statement that changes the row, so there is no gap between
//! check and change.

use std::collections::HashMap;

use async_graphql::Context;
use hallpass::data::{Comparison as _, Error, Filter, Scope, Set, Update, now};
use hallpass_entity::{TaskId, TaskTagId, task, task_tag};

use super::input::{CreateTaskInput, UpdateTaskInput};
use super::query::task_not_found_or_forbidden;
use super::types::{EVENTS, Task};
use hallpass::access::Rule::{Owner, SignedIn};
use hallpass::access::guarded;
use hallpass::events::Change as ChangeKind;
use hallpass::graphql::{
    ApiError, Begun, Constrained, Constraint, ContextExt as _, Execution, IDEMPOTENCY_KEY, Id,
    Result, Validator, Writes,
};

/// Maximum number of tasks that one mutation changes.
const IDS: Constraint<'_> = Constraint::NONE.max_items(100);

/// Task mutations.
#[derive(Default)]
pub struct TaskMutation;

#[guarded(Mutation, domain = "tasks")]
impl TaskMutation {
    /// Creates a task owned by the caller. Requests repeated within 24 hours with the same `idempotencyKey`, or the
    /// same `Idempotency-Key` header, create one task.
    #[graphql(guard = "SignedIn")]
    async fn create_task(
        &self,
        ctx: &Context<'_>,
        input: CreateTaskInput,
        #[graphql(directive = Constrained::apply(IDEMPOTENCY_KEY))] idempotency_key: Option<String>,
    ) -> Result<Task> {
        let validated = input.check()?;
        let (id, created) = (TaskId::generate(), now());
        let values = task::ActiveModel {
            id: Set(id),
            completed: Set(false),
            completed_at: Set(None),
            version: Set(1),
            created_at: Set(created),
            updated_at: Set(created),
            ..validated.values
        };
        let tags = validated.tags.unwrap_or_default();
        let execution =
            if tags.is_empty() { Execution::statement() } else { Execution::transaction() };
        let execution = execution.with_key(idempotency_key.as_deref()).publishing(EVENTS);
        let insert = async |writes: &Writes| {
            let row = writes.insert::<task::Entity>(values).await?;
            if !tags.is_empty() {
                Box::pin(write_tags(writes, row.id, tags)).await?;
            }
            Ok(Task::new(ctx, row))
        };
        execution.create_or(ctx, id, insert, async |key| current_task(ctx, key).await).await
    }

    /// Changes a task of the caller. Given `expectedVersion`, fails with `CONFLICT` if the task has another
    /// version. An empty `input` changes nothing, `version` and `updatedAt` included.
    #[graphql(guard = "Owner")]
    async fn update_task(
        &self,
        ctx: &Context<'_>,
        id: Id<Task>,
        input: UpdateTaskInput,
        expected_version: Option<i32>,
    ) -> Result<Task> {
        let validated = input.check()?;
        let id = id.key()?;
        let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
            return current_task(ctx, id).await;
        };
        let own_rows = writes.owned::<task::Entity>()?.filter(task::Column::Id.is(id));
        let expected = expected_version.map(|version| task::Column::Version.is(version));
        let expected_rows = own_rows.clone().filter(Filter::all().and_if_some(expected));
        let is_empty = validated.is_empty();
        let row = if is_empty {
            expected_rows.one().await?
        } else {
            let change = validated.change(now()).increment(task::Column::Version);
            expected_rows.update(change).await?.into_iter().next()
        };
        let Some(row) = row else {
            let unchanged = own_rows.one().await?;
            // Release the connection first: the next statement takes another one.
            drop((own_rows, expected_rows, writes));
            return Err(match unchanged {
                Some(row) => ApiError::Conflict(row.version),
                None => task_not_found_or_forbidden(ctx, &[id]).await?,
            });
        };
        if let Some(tags) = validated.tags {
            let old = writes.owned::<task_tag::Entity>()?;
            old.filter(task_tag::Column::TaskId.is(id)).delete().await?;
            if !tags.is_empty() {
                write_tags(&writes, id, tags).await?;
            }
        }
        drop((own_rows, expected_rows));
        writes.commit().await?;
        if !is_empty {
            publish(ctx, ChangeKind::Updated, [id]);
        }
        Ok(Task::new(ctx, row))
    }

    /// Marks a task of the caller as completed.
    #[graphql(guard = "Owner")]
    async fn complete_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<Task> {
        set_one_completed(ctx, id.key()?, true).await
    }

    /// Marks a task of the caller as not completed.
    #[graphql(guard = "Owner")]
    async fn reopen_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<Task> {
        set_one_completed(ctx, id.key()?, false).await
    }

    /// Marks tasks of the caller as completed, all or none.
    #[graphql(guard = "Owner")]
    async fn complete_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(IDS))] ids: Vec<Id<Task>>,
    ) -> Result<Vec<Task>> {
        set_completed(ctx, &task_ids(&ids)?, true).await
    }

    /// Deletes a task of the caller. Returns its ID.
    #[graphql(guard = "Owner")]
    async fn delete_task(&self, ctx: &Context<'_>, id: Id<Task>) -> Result<Id<Task>> {
        delete(ctx, &[id.key()?]).await?;
        Ok(id)
    }

    /// Deletes tasks of the caller, all or none. Returns their IDs.
    #[graphql(guard = "Owner")]
    async fn delete_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = Constrained::apply(IDS))] ids: Vec<Id<Task>>,
    ) -> Result<Vec<Id<Task>>> {
        let unique = task_ids(&ids)?;
        delete(ctx, &unique).await?;
        Ok(unique.into_iter().map(Id::new).collect())
    }
}

/// The keys, without duplicates, in the same order.
fn task_ids(ids: &[Id<Task>]) -> Result<Vec<TaskId>> {
    let mut validator = Validator::default();
    validator.count("ids", ids.len(), &IDS);
    validator.finish()?;
    let mut unique = Vec::new();
    for id in ids {
        let id = id.key()?;
        if !unique.contains(&id) {
            unique.push(id);
        }
    }
    Ok(unique)
}

/// The response of a replayed mutation: the current task.
async fn current_task(ctx: &Context<'_>, id: TaskId) -> Result<Task> {
    let row = ctx.scope().owned::<task::Entity>()?.filter(task::Column::Id.is(id)).one().await?;
    row.map(|row| Task::new(ctx, row)).ok_or(ApiError::NotFound("task"))
}

async fn set_one_completed(ctx: &Context<'_>, id: TaskId, done: bool) -> Result<Task> {
    set_completed(ctx, &[id], done).await?.pop().ok_or(ApiError::NotFound("task"))
}

/// Changes all tasks or none. A task that already has the wanted state is not changed.
async fn set_completed(ctx: &Context<'_>, ids: &[TaskId], done: bool) -> Result<Vec<Task>> {
    let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
        let rows = ctx.scope().owned::<task::Entity>()?.filter(by_ids(ids)).all().await?;
        let Some(tasks) = in_order(ctx, ids, rows) else {
            return Err(task_not_found_or_forbidden(ctx, ids).await?);
        };
        return Ok(tasks);
    };
    let these = || Ok::<_, ApiError>(writes.owned::<task::Entity>()?.filter(by_ids(ids)));
    let changed_at = now();
    let values = task::ActiveModel {
        completed: Set(done),
        completed_at: Set(done.then_some(changed_at)),
        updated_at: Set(changed_at),
        ..Default::default()
    };
    let change = Update::set(values).increment(task::Column::Version);
    let changed = these()?.filter(task::Column::Completed.is(!done)).update(change).await?;
    let Some(tasks) = in_order(ctx, ids, these()?.all().await?) else {
        drop(writes);
        return Err(task_not_found_or_forbidden(ctx, ids).await?);
    };
    writes.commit().await?;
    publish(ctx, ChangeKind::Updated, changed.iter().map(|row| row.id));
    Ok(tasks)
}

/// The tasks in the order of `ids`. None if one is missing.
fn in_order(ctx: &Context<'_>, ids: &[TaskId], rows: Vec<task::Model>) -> Option<Vec<Task>> {
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().map(|id| rows.remove(id).map(|row| Task::new(ctx, row))).collect()
}

/// Deletes all tasks or none.
async fn delete(ctx: &Context<'_>, ids: &[TaskId]) -> Result<()> {
    let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
        return Ok(());
    };
    let deleted = writes.owned::<task::Entity>()?.filter(by_ids(ids)).delete().await?;
    if deleted != ids.len() as u64 {
        drop(writes);
        return Err(task_not_found_or_forbidden(ctx, ids).await?);
    }
    writes.commit().await?;
    publish(ctx, ChangeKind::Deleted, ids.iter().copied());
    Ok(())
}

/// Publishes committed changes to the caller's subscribers.
fn publish(ctx: &Context<'_>, change: ChangeKind, ids: impl IntoIterator<Item = TaskId>) {
    for id in ids {
        ctx.publish(EVENTS.event(change, id));
    }
}

fn by_ids(ids: &[TaskId]) -> Filter<task::Entity> {
    task::Column::Id.one_of(ids.iter().copied())
}

/// Inserts the tags of a task that has none.
pub(crate) async fn write_tags(
    scope: &Scope,
    task_id: TaskId,
    tags: Vec<String>,
) -> std::result::Result<(), Error> {
    let rows = tags.into_iter().zip(0..).map(|(tag, ordinal)| task_tag::ActiveModel {
        id: Set(TaskTagId::generate()),
        task_id: Set(task_id),
        tag: Set(tag),
        ordinal: Set(ordinal),
        ..Default::default()
    });
    scope.insert_all::<task_tag::Entity>(rows.collect()).await
}
