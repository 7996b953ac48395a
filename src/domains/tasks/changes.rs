//! The statements of task mutations. Ownership is a condition of the statement that changes the row, so there is no gap
//! between check and change. Several tasks are changed in one transaction, all or none.

use std::collections::HashMap;

use async_graphql::{Context, ID};
use hallpass::data::{Comparison as _, Error, Filter, Owned, Rows, Scope, Set, Update, now};
use hallpass_entity::{TaskId, TaskTagId, task, task_tag};

use super::input::ValidatedTask;
use super::query::task_not_found_or_forbidden;
use super::types::{EVENTS, Task};
use hallpass::events::Change as ChangeKind;
use hallpass::graphql::{ApiError, Begun, ContextExt as _, Execution, Id, Result, Writes};

/// The response of a replayed mutation: the current task.
pub(super) async fn current_task(ctx: &Context<'_>, id: TaskId) -> Result<Task> {
    let row = ctx.scope().owned::<task::Entity>()?.filter(task::Column::Id.is(id)).one().await?;
    Task::new(ctx, row.ok_or(ApiError::NotFound("task"))?)
}

/// The response of a replayed mutation of several tasks: the current tasks.
async fn current_tasks(ctx: &Context<'_>, ids: &[TaskId]) -> Result<Vec<Task>> {
    let rows = ctx.scope().owned::<task::Entity>()?.filter(by_ids(ids)).all().await?;
    match in_order(ctx, ids, rows)? {
        Some(tasks) => Ok(tasks),
        None => Err(task_not_found_or_forbidden(ctx, ids).await?),
    }
}

/// Inserts a task and its tags.
pub(super) async fn insert(
    ctx: &Context<'_>,
    writes: &Writes,
    id: TaskId,
    task: ValidatedTask,
) -> Result<Task> {
    let created = now();
    let values = task::ActiveModel {
        id: Set(id),
        completed: Set(false),
        completed_at: Set(None),
        version: Set(1),
        created_at: Set(created),
        updated_at: Set(created),
        ..task.values
    };
    let row = writes.insert::<task::Entity>(values).await?;
    let tags = task.tags.unwrap_or_default();
    if !tags.is_empty() {
        Box::pin(write_tags(writes, row.id, tags)).await?;
    }
    Task::new(ctx, row)
}

/// Creates tasks, all or none.
pub(super) async fn create_all(
    ctx: &Context<'_>,
    execution: Execution<'_>,
    tasks: Vec<ValidatedTask>,
) -> Result<Vec<Task>> {
    let writes = match execution.begin(ctx).await? {
        Begun::First(writes) => writes,
        Begun::Replay(replay) => {
            let created = replay.answer::<Vec<String>>().unwrap_or_default();
            let created = created.into_iter().map(|id| Id::<Task>::from(ID(id)).key());
            return current_tasks(ctx, &created.collect::<Result<Vec<_>>>()?).await;
        }
    };
    let ids: Vec<_> = tasks.iter().map(|_| TaskId::generate()).collect();
    let mut created = Vec::new();
    for (id, task) in ids.iter().zip(tasks) {
        created.push(insert(ctx, &writes, *id, task).await?);
    }
    let texts: Vec<_> = ids.iter().map(|id| Id::<Task>::new(*id).text()).collect();
    writes.store_answer(&texts).await?;
    writes.commit().await?;
    texts.into_iter().for_each(|id| ctx.audit_created_row(id));
    publish(ctx, ChangeKind::Created, ids);
    Ok(created)
}

/// Changes one task, if it has the expected version.
pub(super) async fn update(
    ctx: &Context<'_>,
    id: TaskId,
    task: ValidatedTask,
    expected_version: Option<i32>,
) -> Result<Task> {
    let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
        return current_task(ctx, id).await;
    };
    let own_rows = writes.owned::<task::Entity>()?.filter(task::Column::Id.is(id));
    let expected = expected_version.map(|version| task::Column::Version.is(version));
    let expected_rows = own_rows.clone().filter(Filter::all().and_if_some(expected));
    let is_empty = task.is_empty();
    let Some(row) = changed(&expected_rows, &task).await?.into_iter().next() else {
        let unchanged = own_rows.one().await?;
        // Release the connection first: the next statement takes another one.
        drop((own_rows, expected_rows, writes));
        return Err(match unchanged {
            Some(row) => ApiError::Conflict(row.version),
            None => task_not_found_or_forbidden(ctx, &[id]).await?,
        });
    };
    drop((own_rows, expected_rows));
    replace_tags(&writes, &[id], task.tags).await?;
    writes.commit().await?;
    if !is_empty {
        publish(ctx, ChangeKind::Updated, [id]);
    }
    Task::new(ctx, row)
}

/// Changes several tasks in the same way, all or none.
pub(super) async fn update_all(
    ctx: &Context<'_>,
    ids: &[TaskId],
    task: ValidatedTask,
) -> Result<Vec<Task>> {
    let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
        return current_tasks(ctx, ids).await;
    };
    let own_rows = writes.owned::<task::Entity>()?.filter(by_ids(ids));
    let is_empty = task.is_empty();
    let rows = changed(&own_rows, &task).await?;
    drop(own_rows);
    let Some(tasks) = in_order(ctx, ids, rows)? else {
        drop(writes);
        return Err(task_not_found_or_forbidden(ctx, ids).await?);
    };
    replace_tags(&writes, ids, task.tags).await?;
    writes.commit().await?;
    if !is_empty {
        publish(ctx, ChangeKind::Updated, ids.iter().copied());
    }
    Ok(tasks)
}

/// The rows after the change. An empty change changes nothing.
async fn changed(
    rows: &Rows<task::Entity, Owned>,
    task: &ValidatedTask,
) -> Result<Vec<task::Model>> {
    if task.is_empty() {
        return Ok(rows.all().await?);
    }
    Ok(rows.update(task.change(now()).increment(task::Column::Version)).await?)
}

pub(super) async fn set_one_completed(ctx: &Context<'_>, id: TaskId, done: bool) -> Result<Task> {
    set_completed(ctx, &[id], done).await?.pop().ok_or(ApiError::NotFound("task"))
}

/// Changes all tasks or none. A task that already has the wanted state is not changed.
pub(super) async fn set_completed(
    ctx: &Context<'_>,
    ids: &[TaskId],
    done: bool,
) -> Result<Vec<Task>> {
    let Begun::First(writes) = Execution::transaction().begin(ctx).await? else {
        return current_tasks(ctx, ids).await;
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
    let Some(tasks) = in_order(ctx, ids, these()?.all().await?)? else {
        drop(writes);
        return Err(task_not_found_or_forbidden(ctx, ids).await?);
    };
    writes.commit().await?;
    publish(ctx, ChangeKind::Updated, changed.iter().map(|row| row.id));
    Ok(tasks)
}

/// The tasks in the order of `ids`. None if one is missing.
fn in_order(
    ctx: &Context<'_>,
    ids: &[TaskId],
    rows: Vec<task::Model>,
) -> Result<Option<Vec<Task>>> {
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let found: Option<Vec<_>> = ids.iter().map(|id| rows.remove(id)).collect();
    let tasks = |rows: Vec<_>| rows.into_iter().map(|row| Task::new(ctx, row)).collect();
    found.map(tasks).transpose()
}

/// Deletes all tasks or none.
pub(super) async fn delete(ctx: &Context<'_>, ids: &[TaskId]) -> Result<()> {
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

/// Replaces the tags of tasks, if they are given.
async fn replace_tags(writes: &Writes, ids: &[TaskId], tags: Option<Vec<String>>) -> Result<()> {
    let Some(tags) = tags else { return Ok(()) };
    let old = task_tag::Column::TaskId.one_of(ids.iter().copied());
    writes.owned::<task_tag::Entity>()?.filter(old).delete().await?;
    if tags.is_empty() {
        return Ok(());
    }
    for id in ids {
        write_tags(writes, *id, tags.clone()).await?;
    }
    Ok(())
}

/// Inserts the tags of a task that has none.
pub(super) async fn write_tags(
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
